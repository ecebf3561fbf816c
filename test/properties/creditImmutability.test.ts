import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPool, type Pool } from "../../src/platform/postgres.ts";
import { type Client, client, type SignedIn, signedIn } from "../support/client.ts";
import { type Installation, installation } from "../support/everfold.ts";
import { readAs } from "../support/tenant.ts";
import { type Ledger, movements, newLedger, upTo, whenRecharged } from "./ledger.ts";

const stack = new AsyncDisposableStack();
let on: Installation;
let api: Client;
let ada: SignedIn;
let pool: Pool;
beforeAll(async () => {
  on = await installation(stack);
  api = client((await on.everfold()).url);
  ada = await signedIn(api);
  pool = openPool({
    url: on.database.url,
    role: "everfold_api",
    max: 1,
    idleTimeoutMs: 10_000,
    statementTimeoutMs: 5_000,
    onError: () => undefined,
  });
  stack.defer(() => pool.end());
});
afterAll(() => stack.disposeAsync());

const small = fc.integer({ min: 1, max: 700 });
const operation = fc.record({
  does: fc.constantFrom("credits", "debits", "recharge", "again", "rename", "post", "put", "delete"),
  amount: small,
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const always = { "idempotency-key": "always the same" };

/** What may be asked of a ledger, what repeats, what is refused, what happens beside it, and what no route does. */
const perform = ({ workspace, ask, rechargeBelow }: Ledger, { does, amount }: Operation, transaction: string) => {
  const [token, body] = [ada.accessToken, { amount, description: "Enrich" }];
  const path = `/workspaces/${workspace}/billing/transactions`;
  if (does === "credits" || does === "debits") return ask(does, body);
  if (does === "recharge") return rechargeBelow(amount, amount);
  if (does === "again") return ask("debits", { amount: 1, description: "Enrich" }, always);
  if (does === "rename") return api.put(`/workspaces/${workspace}`, { name: `Growth ${amount}` }, { token });
  if (does === "post") return api.post(path, body, { token });
  if (does === "put") return api.put(`${path}/${transaction}`, body, { token });
  return api.delete(`${path}/${transaction}`, { token });
};

const tampering = fc.constantFrom(
  "update read_model.credit_transactions set change = 0",
  "update read_model.credit_transactions set description = 'Nothing'",
  "delete from read_model.credit_transactions",
  "truncate read_model.credit_transactions",
  "insert into read_model.credit_transactions select * from read_model.credit_transactions",
);

test("P25: no transaction ever changes, their count never decreases, and the API may not touch their rows (BILL-08)", {
  timeout: 240_000,
}, async () => {
  const ledger = await newLedger(api, ada, 500);
  let seen = await ledger.allTransactions();
  let exported = await ledger.exportText();
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 4 }), tampering, async (asked, statement) => {
      for (const one of asked) await perform(ledger, one, seen[0]?.id ?? randomUUID());
      const tenant = { organizationId: ada.organizationId, workspaceId: ledger.workspace, userId: ada.id };
      const tampered = readAs(pool, tenant, (connection) => connection.query(statement));
      await expect(tampered).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|25006)$/) });
      await expect(pool.query(statement)).rejects.toMatchObject({ code: "42501" });

      const lines = await whenRecharged(ledger);
      const [now, text] = await Promise.all([ledger.allTransactions(upTo(lines)), ledger.exportText()]);
      expect(now.slice(now.length - seen.length)).toEqual(seen);
      expect(text.startsWith(exported)).toBe(true);
      expect(now.length).toBe(movements(lines).length);
      [seen, exported] = [now, text];
    }),
    { numRuns: 100 },
  );
  expect(seen.length).toBeGreaterThan(10);
});
