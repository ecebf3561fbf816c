import { EventEmitter, once } from "node:events";
import fc from "fast-check";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openPool, type Pool, query, readAsTenant } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { NoTenantContext, tenantContext } from "../../src/platform/tenantContext.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { readAs } from "../support/tenant.ts";

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await testDatabase();
  pool = openPool({
    url: database.url,
    role: "everfold_api",
    max: 5,
    idleTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
    onError: () => undefined,
  });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const setting = sql`select current_setting('app.org', true) as org`;
const tenant = fc.record({ organizationId: fc.uuid() });

test("TEN-02: the rows of a tenant cannot be read without saying whose", async () => {
  expect(() => tenantContext.current()).toThrow(NoTenantContext);
  await expect(readAsTenant(pool, (read) => query(read, setting))).rejects.toThrow(NoTenantContext);
});

test("TEN-02: what is done after a context has ended has none", async () => {
  await tenantContext.run({ organizationId: "a" }, async () => undefined);
  expect(() => tenantContext.current()).toThrow(NoTenantContext);
});

test("TEN-06: whatever waits for whichever connection reads as its own tenant", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(tenant, { minLength: 1, maxLength: 20 }), async (tenants) => {
      const seen = await Promise.all(tenants.map((each) => readAs(pool, each, (read) => query(read, setting))));
      expect(seen).toEqual(tenants.map(({ organizationId }) => [{ org: organizationId }]));
    }),
    { numRuns: 100 },
  );
});

test("TEN-02: lines that a socket asks for later are read as the tenant of the request", async () => {
  const socket = new EventEmitter();
  const lines = async function* () {
    for (;;) yield tenantContext.current().organizationId;
  };
  const kept = tenantContext.run({ organizationId: "a" }, () => tenantContext.kept(lines()))[Symbol.asyncIterator]();
  const asked = new Promise((resolve, reject) => {
    socket.once("drain", () => kept.next().then(resolve, reject));
  });
  tenantContext.run({ organizationId: "b" }, () => socket.emit("drain"));
  expect(await asked).toEqual({ done: false, value: "a" });
});

test("a source whose reader goes is closed, in the context it was made in", async () => {
  const events = new EventEmitter();
  const closed = once(events, "closed");
  onTestFinished(() => void events.removeAllListeners());
  const lines = async function* () {
    try {
      yield 1;
    } finally {
      events.emit("closed", tenantContext.current().organizationId);
    }
  };
  const kept = tenantContext.run({ organizationId: "a" }, () => tenantContext.kept(lines()));
  for await (const line of kept) if (line === 1) break;
  expect(await closed).toEqual(["a"]);
});
