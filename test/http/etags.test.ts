import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, expectStatus, newWorkspace, type SignedIn, signedIn } from "../support/client.ts";
import { bookkeeping } from "./bookkeeping.ts";

const stack = new AsyncDisposableStack();
let api: Client;
let ada: SignedIn;
let asAda: { token: string };
beforeAll(async () => {
  ({ api, ada, asAda } = await bookkeeping(stack));
});
afterAll(() => stack.disposeAsync());

describe("the revision of what was read", () => {
  const etagOf = async (path: string) => {
    const answer = await api.get(path, asAda);
    expect(Object.keys(expectStatus(200, answer))).not.toContain("revision");
    return answer.headers.get("etag") ?? "";
  };
  const matching = (etag: string) => ({ ...asAda, headers: { "if-match": etag } });
  const stale = { code: "REVISION_MISMATCH", message: expect.any(String) };

  test("a workspace's ETag lets one change through, and refuses the second that was made of it", async () => {
    const workspace = `/workspaces/${await newWorkspace(api, ada)}`;
    const etag = await etagOf(workspace);
    const renamed = await api.put(workspace, { name: "Growth Lab" }, matching(etag));
    expect(expectStatus(200, renamed)).toMatchObject({ name: "Growth Lab" });
    const again = await api.put(workspace, { name: "Growth Farm" }, matching(etag));
    expect([again.status, again.body.error]).toMatchObject([412, { ...stale, details: { expected: 0, current: 1 } }]);
    expect(await etagOf(workspace)).toBe(renamed.headers.get("etag"));
    expectStatus(200, await api.put(workspace, { name: "Growth Farm" }, matching(await etagOf(workspace))));
  });

  test("a workspace's members are part of what its ETag stands for", async () => {
    const workspace = `/workspaces/${await newWorkspace(api, ada)}`;
    const [grace, linus] = [await signedIn(api), await signedIn(api)];
    const before = await etagOf(workspace);
    const add = ({ email }: { email: string }, etag: string) =>
      api.post(`${workspace}/members`, { email, role: "viewer" }, matching(etag));
    expectStatus(201, await add(grace, before));
    expect([(await add(linus, before)).status, (await add({ email: "x@example.com" }, before)).status]).toEqual([
      412, 412,
    ]);
    expectStatus(200, await api.delete(`${workspace}/members/${grace.id}`, matching(await etagOf(workspace))));
    expect(await etagOf(workspace)).toBe('"2"');
    const { organizations } = expectStatus(200, await api.get("/auth/me", { token: linus.accessToken }));
    expect(organizations).toHaveLength(1);
  });

  test("a ledger's ETag changes with every debit and every setting", async () => {
    const billing = `/workspaces/${await newWorkspace(api, ada, 100)}/billing`;
    const etag = await etagOf(billing);
    const debit = { amount: 10, description: "Enrich" };
    const debited = await api.post(`${billing}/debits`, debit, matching(etag));
    expect(expectStatus(201, debited)).toMatchObject({ balance: 90 });
    const again = await api.post(`${billing}/debits`, debit, matching(etag));
    expect([again.status, again.body.error]).toMatchObject([412, stale]);
    const settings = { enabled: true, threshold: 5, amount: 50 };
    expectStatus(200, await api.put(`${billing}/auto-recharge`, settings, matching(await etagOf(billing))));
    expect((await api.put(`${billing}/auto-recharge`, settings, matching(etag))).status).toBe(412);
    expect(expectStatus(200, await api.get(billing, asAda))).toMatchObject({ creditBalance: 90, autoRecharge: true });
  });

  test("a ledger's ETag comes with a refund and with many debits at once as well", async () => {
    const billing = `/workspaces/${await newWorkspace(api, ada, 100)}/billing`;
    const debits = [1, 2].map((amount) => ({ key: `run ${amount}`, amount, description: "Enrich" }));
    const debited = await api.post(`${billing}/debits/bulk`, { debits }, asAda);
    expect(debited.headers.get("etag")).toBe(await etagOf(billing));
    const refunds = `${billing}/transactions/${expectStatus(200, debited).results[0].transaction.id}/refunds`;
    const refund = { description: "Not found" };
    const refunded = await api.post(refunds, refund, matching(debited.headers.get("etag") ?? ""));
    expect([refunded.status, refunded.headers.get("etag")]).toEqual([201, await etagOf(billing)]);
    expect((await api.post(refunds, refund, matching(debited.headers.get("etag") ?? ""))).status).toBe(412);
  });

  test("an If-Match that is no ETag of ours is refused", async () => {
    const workspace = `/workspaces/${await newWorkspace(api, ada)}`;
    for (const etag of ["0", "*", 'W/"0"', '"0", "1"', '"-1"'])
      expect((await api.put(workspace, { name: "Growth Lab" }, matching(etag))).status).toBe(400);
  });
});
