import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type Answer,
  type Client,
  client,
  expectStatus,
  newWorkspace,
  type SignedIn,
  signedIn,
} from "./support/client.ts";
import { type Installation, installation } from "./support/everfold.ts";
import { rawHttp, rawRequest } from "./support/rawHttp.ts";

describe("LOG-02: no password, key, token, cookie or authorization header is in a line of any level", () => {
  const stack = new AsyncDisposableStack();
  const masterKey = randomBytes(32).toString("base64");
  const secrets: string[] = [masterKey];
  let on: Installation;
  let everfold: Awaited<ReturnType<Installation["everfold"]>>;
  let api: Client;
  let ada: SignedIn;
  let workspace: string;

  const canary = (kind: string): string => {
    const planted = `${kind}-canary-${randomUUID()}`;
    secrets.push(planted);
    return planted;
  };
  const issued = (answer: Answer): { accessToken: string; refreshToken: string } => {
    const { accessToken, refreshToken } = expectStatus(200, answer);
    secrets.push(accessToken, accessToken.split(".")[2], refreshToken, refreshToken.split(".")[1]);
    return { accessToken, refreshToken };
  };

  beforeAll(async () => {
    on = await installation(stack);
    everfold = await on.everfold({ LOG_LEVEL: "trace", ENCRYPTION_MASTER_KEY: masterKey });
    api = client(everfold.url);
    ada = await signedIn(api, { password: canary("password") });
    secrets.push(ada.accessToken, ada.refreshToken);
    workspace = await newWorkspace(api, ada, 10);
  });
  afterAll(() => stack.disposeAsync());

  afterEach(async () => {
    const path = `/seen-${randomUUID()}`;
    await fetch(`${everfold.url}${path}`);
    await vi.waitFor(() => expect(everfold.lines.some((line) => line.includes(path))).toBe(true), 10_000);
    expect(everfold.lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
  });

  const credentials = () => `/workspaces/${workspace}/credentials`;
  const newCredential = () => ({ providerName: "openai", key: canary("key"), secret: canary("secret") });

  test("when all goes well", async () => {
    const { email, password } = ada;
    const { accessToken: token, refreshToken } = issued(await api.post("/auth/login", { email, password }));
    const { id } = expectStatus(201, await api.post(credentials(), newCredential(), { token }));
    expectStatus(200, await api.delete(`${credentials()}/${id}`, { token }));
    const renewed = issued(await api.post("/auth/refresh", { refreshToken }));
    const { refreshToken: last } = renewed;
    expectStatus(200, await api.post("/auth/logout", { refreshToken: last }, { token: renewed.accessToken }));
  });

  test("when what was sent is refused", async () => {
    const { email, accessToken: token } = ada;
    const statusOf = async (path: string, body: object, options = {}) => (await api.post(path, body, options)).status;
    expect(await statusOf("/auth/register", { email, password: canary("password"), name: "Ada" })).toBe(409);
    expect(await statusOf("/auth/login", { email, password: canary("password") })).toBe(401);
    expect(await statusOf("/auth/login", { email: canary("address"), password: canary("password") })).toBe(400);
    expect(await statusOf("/auth/refresh", { refreshToken: canary("token") })).toBe(401);
    expect(await statusOf("/auth/refresh", { refreshToken: `${randomUUID()}.${canary("token")}` })).toBe(401);
    const idempotent = { token, headers: { "idempotency-key": randomUUID() } };
    expect(await statusOf(credentials(), newCredential(), idempotent)).toBe(201);
    expect(await statusOf(credentials(), newCredential(), idempotent)).toBe(422);
  });

  test("when secrets are where none belong, on whichever route", async () => {
    let sent = 0;
    const send = async (method: string, path: string, headers: Record<string, string>, body = "") => {
      sent += 1;
      await rawHttp(everfold.url, rawRequest(method, path, headers, Buffer.from(body)));
    };
    for (const { method, path } of everfold.routes) {
      const target = path.replace(":workspaceId", workspace).replaceAll(/:\w+/g, () => randomUUID());
      const around = { cookie: `session=${canary("cookie")}`, "x-api-key": canary("key"), "if-match": canary("tag") };
      const mine = { ...around, "content-type": "application/json", authorization: `Bearer ${ada.accessToken}` };
      const asked = `${target}?token=${canary("query")}`;
      await send(method, asked, { ...around, authorization: `Bearer ${canary("token")}` });
      await send(method, target, { authorization: `Basic ${canary("basic")}`, "x-event-position": canary("position") });
      await send(method, asked, mine, `{"password": "${canary("password")}`);
      await send(method, target, mine, JSON.stringify({ password: canary("password"), key: [canary("key")] }));
      await send(method, target, { ...mine, "content-type": canary("type") }, canary("body"));
    }
    await send("GET", "/%ff", { cookie: canary("cookie") });
    const noHttp = `GET ${canary("target")}\r\nauthorization: Bearer ${canary("token")}\r\n\r\n`;
    await rawHttp(everfold.url, Buffer.from(noHttp), { ends: true });
    const logged = () => everfold.lines.filter((line) => JSON.parse(line).message === "request");
    await vi.waitFor(() => expect(logged().length).toBeGreaterThan(sent), 10_000);
  });

  test("when the event store is away", async () => {
    await on.eventStore.stop();
    const grace = { email: "grace@example.com", password: canary("password"), name: "Grace" };
    const answers = await Promise.all([
      api.post("/auth/register", grace),
      api.post(credentials(), newCredential(), { token: ada.accessToken }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    expect(everfold.lines.some((line) => JSON.parse(line).error?.stack !== undefined)).toBe(true);
  });
});
