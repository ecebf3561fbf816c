import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SetPlatformRole } from "../../src/commands/accounts.ts";
import { lendable } from "../../src/commands/apiKeyScopes.ts";
import { freshApiKey } from "../../src/commands/apiKeyText.ts";
import { contextOf } from "../commands/writeSide.ts";
import {
  type Answer,
  type Client,
  client,
  expectStatus,
  newWorkspace,
  type SignedIn,
  signedIn,
  switchedTo,
} from "../support/client.ts";
import { type Installation, installation } from "../support/everfold.ts";
import { storedEvents, storedRows } from "../support/stored.ts";

const stack = new AsyncDisposableStack();
let on: Installation;
let everfold: Awaited<ReturnType<Installation["everfold"]>>;
let api: Client;
let ada: SignedIn;
let workspace: string;
beforeAll(async () => {
  on = await installation(stack);
  everfold = await on.everfold({ DEFAULT_PLAN: "enterprise", LOG_LEVEL: "trace" });
  api = client(everfold.url);
  ada = await signedIn(api);
  workspace = await newWorkspace(api, ada, 100_000);
});
afterAll(() => stack.disposeAsync());

const by = ({ accessToken: token }: SignedIn) => ({ token });
const keysOf = ({ organizationId }: SignedIn) => `/organizations/${organizationId}/api-keys`;
const ofWorker = { name: "Worker", role: "member", scopes: ["credits:debit", "credits:read"] };
type Made = { id: string; key: string };
const make = async (body: object = {}, maker = ada): Promise<Made> =>
  expectStatus(201, await api.post(keysOf(maker), { ...ofWorker, ...body }, by(maker)));
const listed = async (maker = ada): Promise<Record<string, unknown>[]> =>
  expectStatus(200, await api.get(`${keysOf(maker)}?limit=100`, by(maker)));
const revoke = async ({ id }: Made, maker = ada) =>
  expectStatus(200, await api.delete(`${keysOf(maker)}/${id}`, by(maker)));

const debit = (token: string, where = workspace) =>
  api.post(`/workspaces/${where}/billing/debits`, { amount: 1, description: "Enrich" }, { token });
const codeOf = ({ status, body }: Answer) => [status, body.error?.code ?? null];
const unauthenticated = [401, "UNAUTHENTICATED"];
/** What the log says of a request that was not let in, and its caller is not told. */
const reasonOf = async (ask: (headers: Record<string, string>) => Promise<Answer>): Promise<unknown> => {
  const requestId = randomUUID();
  expect(codeOf(await ask({ "x-request-id": requestId }))).toEqual(unauthenticated);
  const line = () => everfold.lines.map((text) => JSON.parse(text)).find((each) => each.requestId === requestId);
  await vi.waitFor(() => expect(line()).toMatchObject({ userId: null, outcome: "refused" }));
  return line().reason;
};
const reasonFor = (headers: Record<string, string>) =>
  reasonOf((told) => api.get(`/workspaces/${workspace}/billing`, { headers: { ...headers, ...told } }));

describe("a key", () => {
  test("KEY-01: debits as Bearer token and as X-API-Key, as an actor of its own", async () => {
    const { id, key } = await make();
    const { transaction } = expectStatus(201, await debit(key));
    const { data } = (await api.get(`/workspaces/${workspace}/billing`, { headers: { "x-api-key": key } })).body;
    expect(data.creditBalance).toBeGreaterThan(0);
    const path = `/workspaces/${workspace}/billing/transactions/${transaction.id}`;
    const seen = expectStatus(200, await api.get(path, { token: key }));
    expect((seen.transaction ?? seen).actor).toEqual({ kind: "api_key", id });
  });

  test("KEY-01: is shown once, and only masked afterwards", async () => {
    const body = { ...ofWorker, name: "Once" };
    const options = { ...by(ada), headers: { "idempotency-key": randomUUID() } };
    const first = expectStatus(201, await api.post(keysOf(ada), body, options));
    const again = await api.post(keysOf(ada), body, options);
    expect([again.headers.get("idempotency-hit"), expectStatus(201, again)]).toEqual(["true", { ...first, key: null }]);
    const { key, ...view } = first;
    expect((await listed()).filter(({ id }) => id === first.id)).toEqual([view]);
    expect(view.maskedKey).toBe(`${key.slice(0, -43)}****`);
  });

  test("KEY-01: its secret is in no event, no row and no line of the log", async () => {
    const { key } = await make();
    expectStatus(201, await debit(key));
    await api.get(`/workspaces/${workspace}/billing?api_key=${key}`, by(ada));
    await listed();
    const secret = key.slice(-43);
    for (const texts of [everfold.lines, await storedEvents(on), await storedRows(on)]) {
      expect(texts.length).toBeGreaterThan(10);
      expect(texts.filter((text) => text.includes(secret))).toEqual([]);
    }
  });

  test("KEY-01: its last use is recorded, not for every request", async () => {
    const made = await make({ name: "Used" });
    for (let count = 0; count < 5; count += 1) expectStatus(201, await debit(made.key));
    const lastUse = async () => (await listed()).find(({ id }) => id === made.id)?.["lastUsedAt"];
    await vi.waitFor(async () => expect(await lastUse()).toEqual(expect.any(String)), { timeout: 30_000 });
    const uses = (await storedEvents(on)).filter((text) => text.includes("ApiKeyUsed") && text.includes(made.id));
    expect(uses).toHaveLength(1);
  });

  test("ledger budgets of kind api_key hold for it, and for nobody else", async () => {
    const { id, key } = await make();
    const other = await make();
    const scope = { kind: "api_key", id };
    const budgets = `/workspaces/${workspace}/billing/budgets`;
    expectStatus(201, await api.post(budgets, { scope, limit: 2, period: "month" }, by(ada)));
    expectStatus(201, await debit(key));
    expectStatus(201, await debit(key));
    expect((await debit(key)).body.error.code).toBe("SPENDING_LIMIT_EXCEEDED");
    expectStatus(201, await debit(other.key));
  });

  test("an idempotency key of its own is nobody else's", async () => {
    const [one, other] = [await make(), await make()];
    const path = `/workspaces/${workspace}/billing/debits`;
    const headers = { "idempotency-key": randomUUID() };
    const sent = await Promise.all(
      [one.key, other.key, one.key].map((token) =>
        api.post(path, { amount: 1, description: "Enrich" }, { token, headers }),
      ),
    );
    const [first, second, third] = sent.map((answer) => expectStatus(201, answer).transaction.id);
    expect([first === second, first === third]).toEqual([false, true]);
  });
});

describe("what is no good key", () => {
  test("KEY-01 KEY-02: wrong, unknown and revoked ones are told apart by the log alone", async () => {
    const made = await make({ expiresAt: "2099-01-01T00:00:00.000Z" });
    const { key } = made;
    const other = await make();
    const reasons = new Map([
      [key.slice(0, -1), "malformed_key"],
      [`${key}a`, "malformed_key"],
      [key.slice(0, -44), "malformed_key"],
      [`${key.slice(0, -43)}${other.key.slice(-43)}`, "wrong_secret"],
      [freshApiKey(randomUUID()).key, "unknown_key"],
    ]);
    for (const [token, reason] of reasons) expect(await reasonFor({ authorization: `Bearer ${token}` })).toBe(reason);
    expect(await reasonFor({ "x-api-key": key.slice(1) })).toBe("malformed_key");
    await revoke(made);
    expect(await reasonFor({ "x-api-key": key })).toBe("revoked_key");
  });

  test("KEY-01: one that expires signs in nobody from that moment on", async () => {
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    const { key } = await make({ expiresAt });
    await vi.waitFor(async () => expect(codeOf(await debit(key))).toEqual(unauthenticated), { timeout: 30_000 });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    expect(await reasonFor({ "x-api-key": key })).toBe("expired_key");
  });

  test("KEY-01: one in the query string is not looked at", async () => {
    const { key } = await make();
    for (const name of ["api_key", "apiKey", "key", "access_token", "x-api-key"]) {
      const path = `/workspaces/${workspace}/billing?${name}=${key}`;
      expect(codeOf(await api.get(path))).toEqual(unauthenticated);
    }
  });

  test("one beside other credentials is ambiguous, and so is one sent twice", async () => {
    const { key } = await make();
    const beside = { authorization: `Bearer ${ada.accessToken}`, "x-api-key": key };
    expect(await reasonFor(beside)).toBe("malformed_key");
    expect(await reasonFor({ "x-api-key": `${key}, ${key}` })).toBe("malformed_key");
    expect(await reasonFor({ "x-api-key": "" })).toBe("malformed_key");
    expect(await reasonFor({ "x-api-key": ada.accessToken })).toBe("malformed_key");
    expect(await reasonFor({ authorization: `Basic ${key}` })).toBe("no_bearer");
  });
});

describe("what a key may", () => {
  const callWith = (token: string) => ({
    debit: () => debit(token),
    billing: () => api.get(`/workspaces/${workspace}/billing`, { token }),
    rename: () => api.put(`/workspaces/${workspace}`, { name: "Growth" }, { token }),
    members: () => api.get(`/workspaces/${workspace}/members`, { token }),
    grant: () => api.post(`/workspaces/${workspace}/billing/credits`, { amount: 1, description: "Invoice" }, { token }),
  });

  test("KEY-02 RBAC-01: is what both its scopes and its role permit", async () => {
    const { key } = await make({ scopes: ["credits:read"] });
    const call = callWith(key);
    expect((await call.billing()).status).toBe(200);
    expect((await call.debit()).body.error).toMatchObject({
      code: "MISSING_SCOPE",
      details: { scope: "credits:debit" },
    });
    expect(codeOf(await call.grant())).toEqual([403, "MISSING_SCOPE"]);
    const owner = await make({ role: "owner", workspaceId: workspace, scopes: ["credits:grant"] });
    expect((await callWith(owner.key).grant()).status).toBe(201);
    expect(codeOf(await callWith(owner.key).debit())).toEqual([403, "MISSING_SCOPE"]);
  });

  test("KEY-02: is nothing that takes a person", async () => {
    const { key: token } = await make({ role: "admin", scopes: lendable.filter((scope) => scope === "usage:read") });
    const answers = await Promise.all([
      api.get("/auth/me", { token }),
      api.get("/auth/permissions", { token }),
      api.get("/organizations", { token }),
      api.post("/organizations", { name: "Mine" }, { token }),
      api.post("/auth/switch", { organizationId: ada.organizationId }, { token }),
      api.post("/auth/logout-everywhere", {}, { token }),
    ]);
    expect(answers.map(codeOf)).toEqual(answers.map(() => [403, "PERSON_REQUIRED"]));
    expect(codeOf(await api.post("/workspaces", { name: "Mine" }, { token }))).toEqual([403, "MISSING_SCOPE"]);
    expect((await api.get(`/organizations/${ada.organizationId}/usage`, { token })).status).toBe(200);
  });

  test("KEY-02: is not to make, see, roll, change or revoke keys, itself included", async () => {
    const { id, key: token } = await make({ role: "admin" });
    const answers = [
      await api.get(keysOf(ada), { token }),
      await api.post(keysOf(ada), ofWorker, { token }),
      await api.post(`${keysOf(ada)}/${id}/roll`, {}, { token }),
      await api.put(`${keysOf(ada)}/${id}/scopes`, { role: "admin", scopes: ["ledger:audit"] }, { token }),
      await api.delete(`${keysOf(ada)}/${id}`, { token }),
    ];
    expect(answers.map(codeOf)).toEqual(answers.map(() => [403, "MISSING_SCOPE"]));
  });

  test("KEY-01 KEY-02: is in its organization, or its workspace, and elsewhere there is nothing", async () => {
    const grace = await signedIn(api);
    const foreign = await newWorkspace(api, grace, 10);
    const sibling = await newWorkspace(api, ada, 10);
    const [wide, bound] = [await make(), await make({ workspaceId: workspace })];
    expect((await debit(wide.key, sibling)).status).toBe(201);
    expect((await debit(bound.key)).status).toBe(201);
    const missing = [404, "RESOURCE_NOT_FOUND"];
    expect(codeOf(await debit(bound.key, sibling))).toEqual(missing);
    for (const { key } of [wide, bound])
      for (const where of [foreign, randomUUID()]) expect(codeOf(await debit(key, where))).toEqual(missing);
    const usage = await make({ role: "admin", scopes: ["usage:read"] });
    const path = `/organizations/${grace.organizationId}/usage`;
    expect(codeOf(await api.get(path, { token: usage.key }))).toEqual(missing);
    expect(codeOf(await api.delete(`${keysOf(grace)}/${wide.id}`, by(grace)))).toEqual(missing);
    expect(codeOf(await api.post(`${keysOf(grace)}/${wide.id}/roll`, {}, by(grace)))).toEqual(missing);
    expect(await listed(grace)).toEqual([]);
    const stolen = await api.post(keysOf(grace), { ...ofWorker, workspaceId: workspace }, by(grace));
    expect(codeOf(stolen)).toEqual(missing);
    expect((await debit(wide.key)).status).toBe(201);
  });
});

describe("a key's life", () => {
  test("KEY-02: a change of scopes and a revocation act on the next request", async () => {
    const made = await make();
    expect((await debit(made.key)).status).toBe(201);
    const change = { role: "viewer", scopes: ["workspace:read"] };
    const changed = await api.put(`${keysOf(ada)}/${made.id}/scopes`, change, by(ada));
    expect(expectStatus(200, changed)).toMatchObject(change);
    expect(codeOf(await debit(made.key))).toEqual([403, "MISSING_SCOPE"]);
    expect((await api.get(`/workspaces/${workspace}`, { token: made.key })).status).toBe(200);
    await revoke(made);
    expect(codeOf(await debit(made.key))).toEqual(unauthenticated);
    expect((await listed()).filter(({ id }) => id === made.id)).toEqual([]);
  });

  test("KEY-02: a revocation acts in another process", async () => {
    const second = client((await on.everfold()).url);
    const made = await make();
    const there = () =>
      second.post(`/workspaces/${workspace}/billing/debits`, { amount: 1, description: "x" }, { token: made.key });
    expect((await there()).status).toBe(201);
    await revoke(made);
    await vi.waitFor(async () => expect(codeOf(await there())).toEqual(unauthenticated), { timeout: 10_000 });
  });

  test("KEY-01: rolled over, both secrets are good for the grace, and without grace the new one alone", async () => {
    const made = await make();
    const roll = async (graceSeconds: number): Promise<Made> =>
      expectStatus(200, await api.post(`${keysOf(ada)}/${made.id}/roll`, { graceSeconds }, by(ada)));
    const second = await roll(60);
    expect(second.id).toBe(made.id);
    for (const { key } of [made, second]) expect((await debit(key)).status).toBe(201);
    const third = await roll(0);
    const statuses = await Promise.all([made, second, third].map(async ({ key }) => (await debit(key)).status));
    expect(statuses).toEqual([401, 401, 201]);
  });
});

describe("whoever vouches for a key", () => {
  /** An organization of Ada's with another admin in it. */
  const company = async () => {
    const founded = await api.post("/organizations", { name: `Acme ${randomUUID()}` }, by(ada));
    const founder = await switchedTo(api, ada, expectStatus(201, founded).id);
    const member = await signedIn(api, { colleagueOf: founder });
    const path = `/organizations/${founder.organizationId}/members/${member.id}`;
    const roleOf = async (role: string) => expectStatus(200, await api.put(`${path}/role`, { role }, by(founder)));
    await roleOf("admin");
    const where = await newWorkspace(api, founder, 1_000);
    return { founder, member, path, where, roleOf };
  };

  test("KEY-02: may themselves what the key shall: nobody makes one that is more", async () => {
    const { member, where } = await company();
    const wanted = { ...ofWorker, role: "owner", scopes: ["credits:grant"] };
    for (const workspaceId of [undefined, where]) {
      const answer = await api.post(keysOf(member), { ...wanted, workspaceId }, by(member));
      expect(answer.body.error).toMatchObject({ code: "ROLE_ABOVE_OWN", details: { role: "admin" } });
    }
    expect((await debit((await make({}, member)).key, where)).status).toBe(201);
  });

  test("KEY-02: and when they may less, the key may no more, on the next request", async () => {
    const { member, where, roleOf } = await company();
    const { key } = await make({ role: "admin", scopes: ["credits:debit", "ledger:audit"] }, member);
    expect((await debit(key, where)).status).toBe(201);
    await roleOf("member");
    expect(codeOf(await debit(key, where))).toEqual([403, "FORBIDDEN"]);
    await roleOf("admin");
    expect((await debit(key, where)).status).toBe(201);
  });

  test("KEY-02: when they leave, their keys sign in nobody, until another admin rolls them", async () => {
    const { founder, member, path, where } = await company();
    const made = await make({}, member);
    expect((await debit(made.key, where)).status).toBe(201);
    expectStatus(200, await api.delete(path, by(founder)));
    expect(codeOf(await debit(made.key, where))).toEqual(unauthenticated);
    const rolled = expectStatus(
      200,
      await api.post(`${keysOf(founder)}/${made.id}/roll`, { graceSeconds: 0 }, by(founder)),
    );
    expect(rolled.vouchedBy).toBe(founder.id);
    expect((await debit(rolled.key, where)).status).toBe(201);
    expect(codeOf(await debit(made.key, where))).toEqual(unauthenticated);
  });

  test("KEY-02: a system admin's key stays in its organization, and rests while that is inactive", async () => {
    const root = await signedIn(api);
    await everfold.handler.handle(SetPlatformRole, { userId: root.id, role: "system_admin" }, contextOf());
    const { founder, where } = await company();
    const asked = { ...ofWorker, role: "owner", scopes: ["credits:grant", "credits:debit"] };
    const { key } = expectStatus(201, await api.post(keysOf(founder), asked, by(root)));
    expect((await debit(key, where)).status).toBe(201);
    expect(codeOf(await debit(key))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    const status = `/organizations/${founder.organizationId}/status`;
    expectStatus(200, await api.put(status, { status: "INACTIVE" }, by(founder)));
    expect(codeOf(await debit(key, where))).toEqual([403, "ORGANIZATION_INACTIVE"]);
  });
});
