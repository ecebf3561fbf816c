import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { until } from "../projections/readSide.ts";
import { rowsOf } from "../support/stored.ts";
import { auditedEverfold } from "./auditing.ts";
import { livelyLedger } from "./ledgers.ts";

const stack = new AsyncDisposableStack();
let auditing: Awaited<ReturnType<typeof auditedEverfold>>;
/** By its workspace: projected, seal and all. */
let lively: string;
beforeAll(async () => {
  auditing = await auditedEverfold(stack);
  const { handler } = auditing.everfold;
  lively = await livelyLedger({ handler, seal: async () => undefined });
  expect(await auditing.audit("export", "--workspace", lively)).toMatchObject({ code: 0 });
  await until(async () => {
    const isProjected = "select from read_model.ledger_seals join read_model.billing using (workspace_id, revision)";
    return (await rowsOf(auditing.on, isProjected)).length === 1;
  });
});
afterAll(() => stack.disposeAsync());

/** Changes rows by hand, and changes them back when the test is over. */
const byHand = async (change: string, back: string) => {
  await rowsOf(auditing.on, change, [lively]);
  onTestFinished(async () => void (await rowsOf(auditing.on, back, [lively])));
};
const replayed = () => auditing.audit("replay", "--workspace", lively);

test("finds the read models of all ledgers to be what these add up to", async () => {
  for (const args of [[], ["all"], ["--workspace", "all"]])
    expect(await auditing.audit("replay", ...args)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+ ledgers?, \d+ events: the read models are what they add up to\.\n$/),
    });
});

test("says at last that an event store which is not there cannot be asked", async () => {
  const unreachable = { EVENTSTORE_URL: "esdb://127.0.0.1:1?tls=false" };
  expect(await auditing.started(["replay"], unreachable).outcome).toMatchObject({ code: 2, err: "no connection\n" });
});

test("names table, key and column of what was changed by hand, what is found and what should be there", async () => {
  await byHand(
    "update read_model.billing set credit_balance = credit_balance + 5 where workspace_id = $1",
    "update read_model.billing set credit_balance = credit_balance - 5 where workspace_id = $1",
  );
  await byHand(
    "update read_model.credit_lots set remaining = remaining + 3 where workspace_id = $1 and lot = 1",
    "update read_model.credit_lots set remaining = remaining - 3 where workspace_id = $1 and lot = 1",
  );
  const { code, out } = await replayed();
  expect([code, out]).toEqual([
    1,
    expect.stringContaining(`${lively}: billing: credit_balance is 982, and should be 977.`),
  ]);
  expect(out).toMatch(/: credit_lots lot 1: remaining is \d+, and should be \d+\.\n/);
  expect(out).toMatch(/: 2 differences\.\n$/);
});

test("names rows that are missing, and rows that nothing is known of", async () => {
  await byHand(
    "update read_model.credit_transactions set revision = 1000 where workspace_id = $1 and revision = 1",
    "update read_model.credit_transactions set revision = 1 where workspace_id = $1 and revision = 1000",
  );
  await byHand(
    "update read_model.credit_lots set lot = 9 where workspace_id = $1 and lot = 2",
    "update read_model.credit_lots set lot = 2 where workspace_id = $1 and lot = 9",
  );
  const { code, out } = await replayed();
  expect(code).toBe(1);
  for (const row of ["credit_transactions revision 1 is missing", "credit_transactions revision 1000 is in no event"])
    expect(out).toContain(row);
  for (const row of ["credit_lots lot 2 is missing", "credit_lots lot 9 is in no event"]) expect(out).toContain(row);
});

test("names a seal that is listed as another one than was recorded", async () => {
  await byHand(
    "update read_model.ledger_seals set key_id = 'x' || key_id where workspace_id = $1",
    "update read_model.ledger_seals set key_id = substr(key_id, 2) where workspace_id = $1",
  );
  expect(await replayed()).toMatchObject({
    code: 1,
    out: expect.stringMatching(/ledger_seals revision \d+: key_id is x/),
  });
});

test("says that a ledger was left behind, although what there is of it is as it was then", async () => {
  await byHand(
    "update read_model.billing set revision = -1 where workspace_id = $1",
    `update read_model.billing set revision = (select max(revision) from read_model.ledger_seals)
     where workspace_id = $1`,
  );
  expect(await replayed()).toMatchObject({
    code: 1,
    out: expect.stringMatching(/billing: revision is -1, and should be \d+\./),
  });
});
