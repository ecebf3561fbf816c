import fc from "fast-check";
import { ConfigureBalanceAlert } from "../../../src/commands/credits/alerts.ts";
import { RemoveBudget, SetBudget } from "../../../src/commands/credits/budgets.ts";
import { CloseLedger } from "../../../src/commands/credits/closure.ts";
import { SetCreditLimit } from "../../../src/commands/credits/creditLimit.ts";
import { DebitCredits } from "../../../src/commands/credits/debits.ts";
import { AddCredits, AdjustCredits } from "../../../src/commands/credits/grants.ts";
import { CaptureHold, PlaceHold, ReleaseHold } from "../../../src/commands/credits/holds.ts";
import { ConfigureAutoRecharge, DeclineRecharge, SettleRecharge } from "../../../src/commands/credits/recharge.ts";
import { RefundDebit } from "../../../src/commands/credits/refunds.ts";
import { CompleteTransfer, ReceiveTransfer, SendTransfer } from "../../../src/commands/credits/transfers.ts";
import type { OpenCreditLedger } from "../../../src/domain/credits/creditLedger.ts";
import type { LedgerEvent } from "../../../src/domain/credits/unfolding.ts";
import type { Facts, Recorded } from "../../../src/kernel/decider.ts";
import { idAt } from "../../../src/kernel/ids.ts";
import { later, ledgerStory, organizationId } from "../../domain/ledgerStory.ts";
import { as, id } from "../../spec.ts";

const elsewhere = id("elsewhere");
/** As ledgers name their events: the id says at which revision it stands. */
export const transactionId = (revision: bigint): string => idAt(revision, "test");

const small = fc.integer({ min: 1, max: 120 });
const minutes = fc.constantFrom(1, 7, 60, 600, 1_440, 5_000);
const which = fc.nat(1_000);
const person = fc.constantFrom("ada", "bob");
const category = fc.option(fc.constantFrom("emails", "phones"), { nil: undefined });

const buy = fc.record({
  does: fc.constant("buy" as const),
  amount: small,
  kind: fc.constantFrom("purchased", "promotional"),
  waits: fc.option(minutes, { nil: undefined }),
  lasts: fc.option(minutes, { nil: undefined }),
});
const debit = fc.record({ does: fc.constant("debit" as const), amount: small, category, person });
const hold = fc.record({ does: fc.constant("hold" as const), amount: small, lasts: minutes, category, person });
const capture = fc.record({
  ...{ does: fc.constant("capture" as const), which, share: fc.integer({ min: 1, max: 4 }), final: fc.boolean() },
});
const refund = fc.record({ does: fc.constant("refund" as const), which, share: fc.integer({ min: 1, max: 3 }) });
const step = fc.record({ ...{ which, does: fc.constantFrom("release", "send", "receive", "complete", "return") } });
const charge = fc.record({ which, does: fc.constantFrom("settle", "settle", "decline") });
const configure = fc.record({
  ...{ does: fc.constantFrom("adjust", "limit", "recharge", "alert"), amount: fc.integer({ min: -60, max: 90 }) },
});
const budgeting = fc.record({
  ...{ does: fc.constantFrom("budget", "unbudget"), which, limit: fc.integer({ min: 20, max: 300 }) },
});
const request = fc.oneof(
  { weight: 3, arbitrary: buy },
  { weight: 6, arbitrary: debit },
  { weight: 4, arbitrary: hold },
  { weight: 4, arbitrary: capture },
  { weight: 3, arbitrary: refund },
  { weight: 3, arbitrary: step },
  { weight: 2, arbitrary: charge },
  { weight: 2, arbitrary: configure },
  { weight: 1, arbitrary: budgeting },
);
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

const anything = fc.record({ wait: fc.constantFrom(0, 0, 1, 30, 700, 3_000), asked: request });

/** What people, workers and the payment provider ask for, with time between. Much is refused, which is as well. */
export const endless = fc.array(anything, { minLength: 1, maxLength: 50, size: "max" });
type Asked = typeof endless extends fc.Arbitrary<infer T> ? T : never;

const end = { wait: 0, asked: { does: "close" as const } };

/** The same, of ledgers of which one in three is closed on the way: then little is taken any more. */
export const requests = fc
  .tuple(endless, fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(50) }))
  .map(([asked, closedAt]): readonly (Asked[number] | typeof end)[] => {
    if (closedAt === null) return asked;
    const at = closedAt % (asked.length + 1);
    return [...asked.slice(0, at), end, ...asked.slice(at)];
  });

export type Story = {
  history: Recorded<LedgerEvent>[];
  ledger: OpenCreditLedger;
  /** Of the last request. */
  now: string;
};

/** The ledger after all these requests, and everything that happened in it. */
export const storyOf = (asked: readonly (Asked[number] | typeof end)[]): Story => {
  const story = ledgerStory("pro");
  story.buys(200, {}, later(0));
  let passed = 0;
  for (const one of asked) {
    passed += one.wait;
    perform(story, one.asked, later(passed), passed);
  }
  const history = story.history.map((event) => ({ ...event, id: transactionId(event.revision) }));
  return { history, ledger: story.state(), now: String(later(passed).now) };
};

type Told = ReturnType<typeof ledgerStory>;

const pick = <T>(from: readonly T[], index: number): T | undefined => from[index % Math.max(1, from.length)];
const words = { description: "Words" };

const perform = (story: Told, asked: Request | typeof end.asked, told: Partial<Facts>, passed: number): void => {
  const { ask } = story;
  if (asked.does === "close") ask(CloseLedger, {}, told);
  else if (asked.does === "buy") {
    const at = (wait: number | undefined) => (wait === undefined ? undefined : later(passed + wait).now);
    const effectiveAt = at(asked.waits);
    const expiresAt = at(asked.lasts === undefined ? undefined : asked.lasts + (asked.waits ?? 0));
    const kind = asked.kind === "purchased" ? "purchased" : "promotional";
    ask(AddCredits, { amount: asked.amount, ...words, kind, effectiveAt, expiresAt }, told);
  } else if (asked.does === "debit") {
    ask(DebitCredits, { amount: asked.amount, ...words, category: asked.category }, { ...told, ...as(asked.person) });
  } else if (asked.does === "hold") {
    const holdId = id(`hold ${story.history.length}`);
    const input = {
      holdId,
      amount: asked.amount,
      ...words,
      category: asked.category,
      timeoutSeconds: asked.lasts * 60,
    };
    ask(PlaceHold, input, { ...told, ...as(asked.person) });
  } else if (asked.does === "capture") {
    const hold = pick(story.state().holds, asked.which);
    if (!hold) return;
    const amount = Math.max(1, Math.floor(hold.amount / asked.share));
    ask(CaptureHold, { holdId: hold.holdId, amount, final: asked.final }, told);
  } else if (asked.does === "refund") refundOne(story, asked, told);
  else if ("limit" in asked) budget(story, asked, told);
  else if ("amount" in asked) settings(story, asked, told);
  else proceed(story, asked, told);
};

const refundOne = (
  { ask, history }: Told,
  { which, share }: { which: number; share: number },
  told: Partial<Facts>,
) => {
  const debits = history.filter((event) => event.type === "CreditsDebited" || event.type === "HoldCaptured");
  const debit = pick(debits, which);
  if (!debit || !("charges" in debit.data)) return;
  const { amount, parts, charges } = debit.data;
  const refunded = Math.max(1, Math.floor(amount / share));
  ask(
    RefundDebit,
    {
      transactionId: transactionId(debit.revision),
      amount: refunded,
      ...words,
      debit: { amount, parts, charges, debitedAt: debit.metadata.occurredAt },
    },
    told,
  );
};

const budget = ({ ask, state }: Told, asked: { does: string; which: number; limit: number }, told: Partial<Facts>) => {
  if (asked.does === "unbudget") {
    const { budgetId } = pick(state().budgets, asked.which) ?? { budgetId: id("none") };
    ask(RemoveBudget, { budgetId }, told);
    return;
  }
  const period = (["day", "week", "month"] as const)[asked.which % 3] ?? "day";
  const scope = asked.which % 2 === 0 ? { kind: "workspace" as const } : { kind: "member" as const, id: id("ada") };
  // A budget keeps its period: what was spent in one of another length says nothing about this one.
  ask(SetBudget, { budgetId: id(`budget ${period}`), scope, limit: asked.limit, period }, told);
};

const settings = ({ ask }: Told, { does, amount }: { does: string; amount: number }, told: Partial<Facts>) => {
  const positive = Math.abs(amount) + 1;
  if (does === "adjust") ask(AdjustCredits, { amount: amount === 0 ? 1 : amount, reason: "Words" }, told);
  else if (does === "limit") ask(SetCreditLimit, { creditLimit: positive }, told);
  else if (does === "alert") ask(ConfigureBalanceAlert, { threshold: amount > 0 ? amount : null }, told);
  else
    ask(
      ConfigureAutoRecharge,
      { enabled: amount > -20, threshold: positive, amount: positive, periodCap: 4 * positive },
      told,
    );
};

const proceed = (
  { ask, state, history }: Told,
  { does, which }: { does: string; which: number },
  told: Partial<Facts>,
) => {
  const { holds, recharge, transfers } = state();
  const hold = pick(holds, which);
  const transfer = pick(transfers, which);
  if (does === "release" && hold) ask(ReleaseHold, { holdId: hold.holdId }, told);
  const rechargeId = recharge.pending?.rechargeId ?? id("none");
  if (does === "settle") ask(SettleRecharge, { rechargeId, reference: "paid" }, told);
  if (does === "decline") ask(DeclineRecharge, { rechargeId, reason: "No funds" }, told);
  const transferId = id(`transfer ${history.length}`);
  const amount = (which % 50) + 1;
  if (does === "send") ask(SendTransfer, { transferId, toWorkspaceId: elsewhere, amount, ...words }, told);
  if (does === "receive") {
    const part = { lot: 3, kind: "promotional" as const, priority: 10, expiresAt: null, amount };
    const from = { fromWorkspaceId: elsewhere, organizationId };
    ask(ReceiveTransfer, { transferId, ...from, amount, parts: [part], ...words }, told);
  }
  if (!transfer) return;
  const outcome = does === "return" ? { kind: "refused" as const, reason: "FULL" } : { kind: "received" as const };
  if (does === "return" || does === "complete")
    ask(CompleteTransfer, { transferId: transfer.transferId, outcome }, told);
};
