import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, client, expectStatus, newWorkspace, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";
import { dataDirectory, everfoldProcess } from "../support/process.ts";

const stack = new AsyncDisposableStack();
/** A process whose projections are late, and another one on the same backends that only serves. */
let late: Client;
let other: Client;
let ada: SignedIn;
let token: string;

beforeAll(async () => {
  const { eventStore, database } = await installation(stack);
  const started = async (settings: Record<string, string>) => {
    const { url } = await everfoldProcess(stack, {
      DATA_DIR: await dataDirectory(stack),
      EVENTSTORE_URL: eventStore.url,
      DATABASE_URL: database.url,
      ENCRYPTION_MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
      PROJECTION_DELAY_MS: "500",
      ...settings,
    });
    return client(url);
  };
  late = await started({});
  other = await started({ ROLES: "api" });
  ada = await signedIn(late);
  token = ada.accessToken;
});
afterAll(() => stack.disposeAsync());

/** As a client does: asked again while the answer is that it takes longer. What is shown then must not be old. */
const read = async (api: Client, path: string, headers: Record<string, string> = {}) =>
  expectStatus(200, await api.get(path, { token, headers }));

const debit = { amount: 10, description: "Enrich" };

test("ES-06: whoever writes sees it in the next read, however late the projections are", async () => {
  const workspace = await newWorkspace(late, ada, 1000);
  const billing = `/workspaces/${workspace}/billing`;
  for (let balance = 990; balance >= 970; balance -= 10) {
    const { transaction } = expectStatus(201, await late.post(`${billing}/debits`, debit, { token }));
    expect((await read(late, billing)).creditBalance).toBe(balance);
    const [newest] = await read(late, `${billing}/transactions`);
    expect(newest).toMatchObject(transaction);
  }
  const workspaces: { id: string }[] = await read(late, "/workspaces");
  expect(workspaces.map(({ id }) => id)).toContain(workspace);
});

test("ES-06: and so through another process, to which the position is told", async () => {
  const workspace = await newWorkspace(late, ada, 1000);
  const billing = `/workspaces/${workspace}/billing`;
  const written = await late.post(`${billing}/debits`, debit, { token });
  expectStatus(201, written);
  const position = String(written.headers.get("x-event-position"));
  expect(position).toBe(written.body.meta.position);
  expect((await read(other, billing, { "x-event-position": position })).creditBalance).toBe(990);
});

test("ES-06: a position that is not reached in time is answered with 202 and that position", async () => {
  const position = "9007199254740991";
  for (const api of [late, other]) {
    const { status, headers, body } = await api.getOnce("/workspaces", {
      token,
      headers: { "x-event-position": position },
    });
    expect([status, body.data, body.meta]).toEqual([202, null, { position }]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  }
});
