import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SetPlatformRole } from "../../src/commands/accounts.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { keyVault } from "../../src/platform/keyVault.ts";
import { openPool, query, type Role } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { projections } from "../../src/projections/all.ts";
import { auditLog } from "../../src/projections/audit/auditLog.ts";
import { rebuild } from "../../src/projections/rebuild.ts";
import { contextOf } from "../commands/writeSide.ts";
import { log } from "../projections/jars.ts";
import { type Client, client, expectStatus, newWorkspace, type SignedIn, signedIn } from "../support/client.ts";
import { type Installation, installation, masterKey } from "../support/everfold.ts";
import { rowsOf } from "../support/stored.ts";

// biome-ignore lint/suspicious/noExplicitAny: records of every kind
type Records = any[];

const stack = new AsyncDisposableStack();
let on: Installation;
let api: Client;
let ada: SignedIn;
let admin: SignedIn;
const as = ({ accessToken: token }: SignedIn) => ({ token });
const logsOf = ({ organizationId }: SignedIn) => `/organizations/${organizationId}/audit-logs`;

beforeAll(async () => {
  on = await installation(stack);
  const { url, handler } = await on.everfold({ ROLES: "api,projections" });
  api = client(url);
  [ada, admin] = [await signedIn(api), await signedIn(api)];
  await handler.handle(SetPlatformRole, { userId: admin.id, role: "system_admin" }, contextOf());
});
afterAll(() => stack.disposeAsync());

const records = async (who: SignedIn, query = "", of = who): Promise<Records> =>
  expectStatus(200, await api.get(`${logsOf(of)}${query}`, as(who))).records;

/** What was refused is written soon after, and not before. */
const eventually = (query: string, enough: (found: Records) => boolean, who = ada): Promise<Records> =>
  vi.waitUntil(
    async () => {
      const found = await records(who, query);
      return enough(found) ? found : undefined;
    },
    { timeout: 20_000, interval: 100 },
  ) as Promise<Records>;

describe("AUD-01 AUD-02 LOG-03: a change", () => {
  test("is recorded with who made it, from where, in which request, and what was there before", async () => {
    const within = `/organizations/${ada.organizationId}`;
    const headers = { "x-request-id": randomUUID(), "user-agent": "Looking-Glass/1.0" };
    expectStatus(200, await api.put(within, { name: "Acme" }, as(ada)));
    expectStatus(200, await api.put(within, { name: "Acme Labs" }, { ...as(ada), headers }));
    const [renamed] = await records(ada, "?resourceType=organization&action=UPDATE&limit=1");
    expect(renamed).toMatchObject({
      organizationId: ada.organizationId,
      actor: { kind: "user", id: ada.id },
      requestId: headers["x-request-id"],
      sessionId: expect.any(String),
      resourceId: ada.organizationId,
      event: "OrganizationRenamed",
      changes: { before: { name: "Acme" }, after: { name: "Acme Labs" } },
      ipAddress: "127.0.0.1",
      userAgent: "Looking-Glass/1.0",
    });
  });

  test("keeps nothing of where somebody was in clear", async () => {
    const stored = await rowsOf<{ text: string }>(on, "select a::text as text from read_model.audit_log a");
    expect(stored.length).toBeGreaterThan(5);
    expect(stored.filter(({ text }) => text.includes("127.0.0.1") || text.includes("Looking-Glass"))).toEqual([]);
  });

  test("of credits is among the records, with the balance before and after, and no row for it", async () => {
    const workspaceId = await newWorkspace(api, ada, 500);
    const debit = { amount: 30, description: "Enrich" };
    expectStatus(201, await api.post(`/workspaces/${workspaceId}/billing/debits`, debit, as(ada)));
    const [spent, bought, ...rest] = await records(ada, `?workspaceId=${workspaceId}&resourceType=credit_transaction`);
    expect([bought, rest]).toMatchObject([{ changes: { before: { balance: 0 }, after: { balance: 500 } } }, []]);
    expect(spent).toMatchObject({
      ...{ action: "CREATE", event: "debit", workspaceId, actor: { kind: "user", id: ada.id } },
      changes: { before: { balance: 500 }, after: { balance: 470, change: -30, description: "Enrich" } },
    });
    expect(await records(ada, `?resourceId=${spent.resourceId}`)).toEqual([spent]);
    const newest = await records(ada, "?limit=3");
    expect(newest.map(({ event }) => event)).toContain("debit");
    const rows = await rowsOf(on, "select from read_model.audit_log where event_type = 'CreditsDebited'");
    expect(rows).toEqual([]);
  });
});

describe("AUD-03 AUTH-25 RBAC-11: who was", () => {
  test("signed in, signed out or refused with a wrong password is recorded", async () => {
    const carol = await signedIn(api);
    const { accessToken, refreshToken } = expectStatus(
      200,
      await api.post("/auth/login", { email: carol.email, password: carol.password }),
    );
    for (let attempt = 0; attempt < 3; attempt += 1)
      await api.post("/auth/login", { email: carol.email, password: "wrong" });
    expectStatus(200, await api.post("/auth/logout", { refreshToken }, { token: accessToken }));
    const failed = await eventually(`?userId=${carol.id}&action=LOGIN_FAILED`, ({ length }) => length > 0, carol);
    expect(failed[0]).toMatchObject({
      ...{ actor: { kind: "anonymous", id: carol.id }, ipAddress: "127.0.0.1", event: "SignInFailed" },
      changes: { after: { operation: "Login", code: "INVALID_CREDENTIALS", reason: "wrong_password" } },
    });
    expect(await records(carol, `?userId=${carol.id}&action=LOGIN`)).toHaveLength(2);
    expect(await records(carol, `?userId=${carol.id}&action=LOGOUT`)).toHaveLength(1);
  });

  test("refused a refresh token that was replaced is recorded", async () => {
    const dave = await signedIn(api);
    const presented = { refreshToken: dave.refreshToken };
    expectStatus(200, await api.post("/auth/refresh", presented));
    expectStatus(401, await api.post("/auth/refresh", presented));
    const [reused] = await eventually("?action=REFRESH_REUSED", ({ length }) => length > 0, dave);
    expect(reused.changes.after).toMatchObject({ userId: dave.id, reason: "replaced", attempts: 1 });
  });

  test("unknown is the system's, and nobody's address is in it", async () => {
    const email = `${randomUUID()}@example.com`;
    await api.post("/auth/login", { email, password: "correct horse battery" });
    const path = "/audit-logs?action=LOGIN_FAILED";
    const found = await vi.waitUntil(
      async () => {
        const { records: all } = expectStatus(200, await api.get(path, as(admin)));
        return all.length > 0 ? all : undefined;
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(found[0]).toMatchObject({ organizationId: null, changes: { after: { reason: "unknown_account" } } });
    expect(JSON.stringify(found)).not.toContain(email);
    expect((await api.get(path, as(ada))).status).toBe(403);
  });

  test("TEN-15: refused what is another tenant's is in the report, however often they tried", async () => {
    const [eve, workspaceId] = [await signedIn(api), await newWorkspace(api, ada)];
    for (let attempt = 0; attempt < 20; attempt += 1)
      expectStatus(404, await api.get(`/workspaces/${workspaceId}`, as(eve)));
    const denied = await eventually("?action=DENIED", ({ length }) => length > 0, eve);
    expect(denied.length).toBeLessThan(3);
    expect(denied[0]).toMatchObject({ actor: { kind: "user", id: eve.id }, ipAddress: "127.0.0.1" });
    const report = expectStatus(200, await api.get("/cross-tenant-denials", as(admin)));
    expect(report).toContainEqual(
      expect.objectContaining({
        ...{ organizationId: eve.organizationId, actor: { kind: "user", id: eve.id } },
        ...{ operation: "GetWorkspace", targetWorkspaceId: workspaceId },
      }),
    );
    expect((await api.get("/cross-tenant-denials", as(ada))).status).toBe(403);
  });
});

describe("AUD-05: the log", () => {
  test("is for admins of the organization, and for system admins", async () => {
    const viewer = await signedIn(api, { colleagueOf: ada });
    expect((await api.get(logsOf(ada), as(viewer))).status).toBe(403);
    expect((await api.get(logsOf(ada), as(await signedIn(api)))).status).toBe(404);
    expect(await records(admin, "?action=UPDATE", ada)).toEqual(await records(ada, "?action=UPDATE"));
  });

  test("is filtered by person, action, resource and time", async () => {
    const all = await records(ada, "?limit=200");
    const [{ createdAt: from }] = all.slice(5);
    const actions = await records(ada, "?action=CREATE&limit=200");
    expect(actions).toEqual(all.filter(({ action }) => action === "CREATE"));
    expect(await records(ada, `?from=${from}&limit=200`)).toEqual(all.filter(({ createdAt }) => createdAt >= from));
    expect(await records(ada, `?to=${from}&limit=200`)).toEqual(all.filter(({ createdAt }) => createdAt < from));
    const own = await records(ada, `?userId=${ada.id}&limit=200`);
    expect(own).toEqual(all.filter(({ actor }) => actor.id === ada.id));
    expect(await records(ada, `?userId=${admin.id}`)).toEqual([]);
  });

  test("goes on by a cursor, with nothing twice and nothing left out while more is written", async () => {
    const path = logsOf(ada);
    const before = (await records(ada, "?limit=200")).map(({ id }) => id);
    const seen: string[] = [];
    for (let query: string | null = "?limit=4"; query !== null; ) {
      await newWorkspace(api, ada, 10);
      const page = expectStatus(200, await api.get(`${path}${query}`, as(ada)));
      seen.push(...page.records.map(({ id }: { id: string }) => id));
      query = page.nextCursor === null ? null : `?limit=4&cursor=${page.nextCursor}`;
    }
    expect(new Set(seen).size).toBe(seen.length);
    // What was refused shortly before comes in later, where it happened.
    expect(seen.filter((id) => before.includes(id))).toEqual(before);
    const refused = await api.get(`${path}?cursor=nonsense`, as(ada));
    expect([refused.status, refused.body.error.code]).toEqual([400, "VALIDATION_ERROR"]);
  });

  test("is exported as NDJSON and as CSV, of the same records", async () => {
    const all = await records(ada, "?limit=200&action=UPDATE");
    const ndjson = await api.get(`${logsOf(ada)}.ndjson?action=UPDATE`, as(ada));
    expect(ndjson.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
    expect(ndjson.body.split("\n").filter(Boolean).map(JSON.parse)).toEqual(all);
    const csv = await api.get(`${logsOf(ada)}.csv?action=UPDATE`, as(ada));
    expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    const [head, ...lines] = csv.body.trimEnd().split("\r\n");
    expect(head).toContain('"createdAt","id","organizationId"');
    expect(lines).toHaveLength(all.length);
    for (const [index, { id }] of all.entries()) expect(lines[index]).toContain(id);
  });
});

test("AUD-01: secrets that were planted are nowhere in the log or in what is exported of it", async () => {
  const planted = {
    email: `${randomUUID()}@planted.example`,
    password: "planted horse battery",
    name: "Planted Person",
  };
  const person = await signedIn(api, planted);
  const workspaceId = await newWorkspace(api, person);
  const [key, secret, guest] = ["planted-key-4711", "planted-secret-4712", `${randomUUID()}@planted.example`];
  const credential = { providerName: "openai", key, secret };
  expectStatus(201, await api.post(`/workspaces/${workspaceId}/credentials`, credential, as(person)));
  expectStatus(201, await api.post(`/workspaces/${workspaceId}/members`, { email: guest, role: "viewer" }, as(person)));
  const renewed = expectStatus(200, await api.post("/auth/refresh", { refreshToken: person.refreshToken }));
  await api.post("/auth/login", { email: planted.email, password: "planted wrong password" });
  await eventually("?action=LOGIN_FAILED", ({ length }) => length > 0, person);

  const texts = [
    ...(await rowsOf<{ text: string }>(on, "select a::text as text from read_model.audit_log a")).map(
      (row) => row.text,
    ),
    (await api.get(`${logsOf(person)}.ndjson`, as(person))).body,
    (await api.get(`${logsOf(person)}.csv`, as(person))).body,
    JSON.stringify(await records(person, "?limit=200")),
  ];
  expect(texts.join("\n")).toContain(workspaceId);
  for (const secretText of [...Object.values(planted), key, secret, guest, person.refreshToken, renewed.refreshToken])
    expect(texts.filter((text) => text.includes(secretText))).toEqual([]);
});

describe("AUD-04: what is recorded", () => {
  const poolOf = (role: Role) => {
    const [max, idleTimeoutMs, statementTimeoutMs] = [4, 5_000, 30_000];
    const pool = openPool({
      url: on.database.url,
      role,
      max,
      idleTimeoutMs,
      statementTimeoutMs,
      onError: () => undefined,
    });
    stack.defer(() => pool.end());
    return pool;
  };

  test("can neither be changed nor removed by the API", async () => {
    const pool = poolOf("everfold_api");
    for (const statement of [
      sql`update read_model.audit_log set action = 'READ'`,
      sql`delete from read_model.audit_log`,
      sql`truncate read_model.audit_log`,
      sql`insert into read_model.audit_log select * from read_model.audit_log`,
      sql`delete from read_model.cross_tenant_denials`,
    ])
      await expect(query(pool, statement)).rejects.toMatchObject({ code: "42501" });
    expect(await query(pool, sql`select from read_model.audit_log`)).toEqual([]);
    expect(await query(pool, sql`select from read_model.cross_tenant_denials`)).toEqual([]);
  });

  test("and was tampered with by somebody else is put right by a rebuild, which gives the same rows", async () => {
    const pool = poolOf("everfold_projector");
    const store = eventStoreDb({ url: on.eventStore.url });
    stack.defer(() => store.close());
    const codec = eventCodec(keyVault({ pool, masterKey: Buffer.from(masterKey, "base64") }));
    const all = () => rowsOf(on, "select row(a.*)::text as row from read_model.audit_log a order by position, id");
    const live = await all();
    await pool.query("update read_model.audit_log set actor_id = null where action = 'UPDATE'");
    await pool.query("delete from read_model.audit_log where action = 'DENIED'");
    expect(await all()).not.toEqual(live);
    const how = { signal: new AbortController().signal, isAsked: true };
    await rebuild({ store, pool, codec, projections, log }, auditLog, how);
    expect(await all()).toEqual(live);
  });
});
