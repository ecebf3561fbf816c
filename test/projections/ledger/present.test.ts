import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { billingCycle } from "../../../src/domain/credits/billingCycle.ts";
import { balanceOf, creditLedger, type OpenCreditLedger } from "../../../src/domain/credits/creditLedger.ts";
import { letTimePass } from "../../../src/domain/credits/due.ts";
import { opened, unfold } from "../../../src/domain/credits/unfolding.ts";
import { fold } from "../../../src/kernel/decider.ts";
import { balanceAt } from "../../../src/projections/ledger/balanceAt.ts";
import { billingOf } from "../../../src/projections/ledger/billing.ts";
import { budgetsOf } from "../../../src/projections/ledger/budgetsOf.ts";
import { dailyHistory } from "../../../src/projections/ledger/days.ts";
import { dueLedgers } from "../../../src/projections/ledger/dueLedgers.ts";
import { holdsOf } from "../../../src/projections/ledger/holdsOf.ts";
import { lotsOf } from "../../../src/projections/ledger/lotsOf.ts";
import { workspaceId } from "../../domain/ledgerStory.ts";
import { facts } from "../../spec.ts";
import { requests, storyOf } from "./stories.ts";
import { writtenLedgers } from "./written.ts";

const stack = new AsyncDisposableStack();
let ledgers: Awaited<ReturnType<typeof writtenLedgers>>;
beforeAll(async () => {
  ledgers = await writtenLedgers(stack);
});
afterAll(() => stack.disposeAsync());

const after = (now: string, minutes: number) => new Date(Date.parse(now) + minutes * 60_000).toISOString();
/** What the write side would find, were it asked at that moment. */
const presentOf = (ledger: OpenCreditLedger, now: string) => letTimePass(unfold(ledger), now).ledger;
const page = { limit: 100, offset: 0 };

/** Stories, and how long after their last request somebody looks. */
const forEveryMoment = (check: (story: ReturnType<typeof storyOf>, now: string) => Promise<void>, numRuns = 100) =>
  fc.assert(
    fc.asyncProperty(requests, fc.constantFrom(0, 1, 90, 2_000, 20_000), async (asked, minutes) => {
      const story = storyOf(asked);
      await ledgers.write(story.history);
      await check(story, after(story.now, minutes));
    }),
    { numRuns },
  );

test("BILL-01: what a ledger adds up to is right at every moment, also where nobody has written what time did", () =>
  forEveryMoment(async ({ ledger }, now) => {
    const { posted, held, available } = balanceOf(presentOf(ledger, now));
    const row = await ledgers.read((read) => billingOf(read, workspaceId, now));
    expect(row).toMatchObject({ creditBalance: posted, held, available });
    expect(await ledgers.read((read) => balanceAt(read, workspaceId, { at: now }))).toMatchObject({
      ...{ posted, held, available },
    });
  }));

test("lots are listed as they can be spent at every moment, in the order they will be", () =>
  forEveryMoment(async ({ ledger }, now) => {
    const present = presentOf(ledger, now);
    const rows = await ledgers.read((read) => lotsOf(read, workspaceId, now));
    const listed = (status: string) =>
      rows.filter((row) => row.status === status && row.remaining > 0).map(({ lot, remaining }) => [lot, remaining]);
    expect(listed("active")).toEqual(present.lots.map(({ lot, amount }) => [lot, amount]));
    expect(listed("waiting").toSorted()).toEqual(present.coming.map(({ lot, amount }) => [lot, amount]).toSorted());
    for (const { granted, remaining, held, expired } of rows)
      expect(remaining + held + expired).toBeLessThanOrEqual(granted);
  }));

test("open holds are those that have not expired at that moment", () =>
  forEveryMoment(async ({ ledger }, now) => {
    const { holds } = presentOf(ledger, now);
    const { rows, total } = await ledgers.read((read) => holdsOf(read, workspaceId, { status: "open", now, ...page }));
    expect(rows.map(({ id, remaining }) => [id, remaining])).toEqual(
      holds.map(({ holdId, amount }) => [holdId, amount]).toReversed(),
    );
    expect(total).toBe(holds.length);
  }));

test("budgets have counted what was spent and what is held in the period of that moment", () =>
  forEveryMoment(async ({ ledger }, now) => {
    const { budgets } = presentOf(ledger, now);
    const rows = await ledgers.read((read) => budgetsOf(read, workspaceId, now));
    const spent = budgets.map(({ budgetId, periodStart, spent }) => [budgetId, { periodStart, spent }] as const);
    const byId = new Map(spent);
    expect(rows).toHaveLength(budgets.length);
    for (const row of rows) {
      const budget = byId.get(row.id);
      expect(row.spent).toBe(budget?.periodStart === row.periodStart ? budget.spent : 0);
    }
  }));

test("a ledger is due exactly when time alone has something to do to it", () =>
  forEveryMoment(async ({ ledger }, now) => {
    const isDue = letTimePass(unfold(ledger), now).events.length > 0;
    const { recharge } = ledger;
    const mayRecharge =
      recharge.isEnabled &&
      !recharge.pending &&
      balanceOf(ledger).available - ledger.creditLimit < recharge.threshold &&
      (recharge.notBefore === null || recharge.notBefore <= now) &&
      (!recharge.isCapTold || recharge.periodStart < cycleStart(ledger, now));
    expect(await dueLedgers(ledgers.projector, now, 10)).toEqual(isDue || mayRecharge ? [workspaceId] : []);
  }));

const cycleStart = ({ openedAt }: OpenCreditLedger, now: string) => billingCycle(openedAt, now).start;

test("the balance at any moment is what the write side would have found then", () =>
  fc.assert(
    fc.asyncProperty(requests, fc.array(fc.nat(40_000), { minLength: 8, maxLength: 8 }), async (asked, minutes) => {
      const { history } = storyOf(asked);
      await ledgers.write(history);
      for (const each of minutes) {
        const at = after(facts.now, each);
        const known = history.filter(({ metadata }) => metadata.occurredAt <= at);
        const expected = balanceOf(presentOf(opened(fold(creditLedger, known)), at));
        expect(await ledgers.read((read) => balanceAt(read, workspaceId, { at }))).toMatchObject(expected);
      }
    }),
    { numRuns: 100 },
  ));

test("the balance after each event is told for its revision", () =>
  forEveryMoment(async ({ history }) => {
    for (const { revision, data } of history) {
      const found = await ledgers.read((read) => balanceAt(read, workspaceId, { revision: Number(revision) }));
      expect(found).toMatchObject(data.after);
    }
    expect(await ledgers.read((read) => balanceAt(read, workspaceId, { revision: -1 }))).toBeUndefined();
  }, 25));

test("days begin with what the day before ended with, and end with the balance", () =>
  forEveryMoment(async ({ ledger, now }) => {
    const days = { from: "2026-02-27", to: now.slice(0, 10) };
    const rows = await ledgers.read((read) => dailyHistory(read, workspaceId, days));
    let closing = 0;
    for (const row of rows) {
      expect(row.opening).toBe(closing);
      const gained = row.granted + row.refunded + row.received;
      closing = row.opening + gained - row.spent - row.deducted - row.expired - row.sent;
      expect(row.closing).toBe(closing);
    }
    expect(rows[0]).toMatchObject({ day: "2026-02-27", opening: 0, closing: 0, transactions: 0 });
    expect(closing).toBe(balanceOf(ledger).posted);
    const later = await ledgers.read((read) => dailyHistory(read, workspaceId, { ...days, from: days.to }));
    expect(later).toEqual(rows.slice(-1));
  }));

test("ES-05: the rows are the same however many events are written at a time", () =>
  fc.assert(
    fc.asyncProperty(requests, fc.integer({ min: 1, max: 60 }), async (asked, batchSize) => {
      const { history } = storyOf(asked);
      await ledgers.write(history);
      const together = await ledgers.rows();
      await ledgers.write(history, batchSize);
      expect(await ledgers.rows()).toEqual(together);
    }),
    { numRuns: 100 },
  ));
