import { describe, expect, test } from "vitest";
import { overdraft } from "../../src/domain/credits/lots.ts";
import type { LedgerEvent } from "../../src/domain/credits/unfolding.ts";
import { id } from "../spec.ts";
import {
  activated,
  altered,
  bought,
  budgeted,
  budgetId,
  captured,
  charged,
  closed,
  debited,
  expired,
  held,
  history,
  holdExpired,
  holdId,
  idOf,
  inLedger,
  later,
  lotOne,
  now,
  opening,
  received,
  refunded,
  refusedTransfer,
  refusing,
  released,
  reportOn,
  returned,
  sent,
} from "./forging.ts";

test("a history that is none of these is intact", async () => {
  const events = history(bought(100), debited(30), refunded(10, idOf(2)), refunded(20, idOf(2)), held(50));
  expect(await reportOn([...events])).toContain("6 events");
  expect(await reportOn(history(bought(100), held(50), captured(20, [lotOne(30)])))).toContain("balance 80 credits");
  expect(await reportOn(history(bought(100), held(50), released(50)))).toContain("balance 100 credits");
  const inTime = [bought(100, 1, { effectiveAt: now, expiresAt: now }), activated(100, now), expired(100)];
  expect(await reportOn(history(...inTime))).toContain("balance 0 credits");
  const ended = [bought(100), held(50, "", now), sent(10), closed, holdExpired(50, now), returned(10), refusedTransfer];
  expect(await reportOn(history(...ended))).toContain("balance 100 credits");
  const within = [
    bought(100),
    budgeted(40),
    charged(debited(10)),
    charged(held(30)),
    charged(captured(20, [lotOne(10)])),
  ];
  expect(await reportOn(history(...within, charged(refunded(10, idOf(3)))))).toContain("balance 80 credits");
});

describe("a history whose chain was made anew is found out when", () => {
  test.each<[string, () => LedgerEvent[], number, string]>([
    [
      "a balance was made up",
      () => altered(history(bought(100), debited(30)), 2, () => ({ after: { posted: 90, held: 0, available: 90 } })),
      2,
      "it leaves 70 posted, 0 held, 70 available, and says 90 posted, 0 held, 90 available",
    ],
    ["an amount is not that of its parts", () => history(bought(100), debited(30, [lotOne(3)])), 2, "it moves -3"],
    [
      "more is captured than was held",
      () => history(bought(100), held(10), held(50, "2"), captured(20, [])),
      4,
      "which reserves 10",
    ],
    [
      "a last capture keeps what is left",
      () => history(bought(100), held(10), captured(4, [])),
      3,
      "what is left of hold",
    ],
    [
      "a lot is held twice",
      () => [...history(bought(100), held(60)), ...history(bought(100), held(60, "2")).slice(2)],
      3,
      "lot 1 does not hold 60 credits",
    ],
    [
      "a lot expires that is not there",
      () => history(bought(100, 1, { expiresAt: now }), expired(100), expired(100)),
      3,
      "lot 1 does not hold what expires of it",
    ],
    [
      "a hold is captured again after it was resolved",
      () => history(bought(100), held(10), captured(10, []), captured(10, [])),
      4,
      "is not open",
    ],
    [
      "a hold is released again",
      () => history(bought(100), held(10), released(10), released(10)),
      4,
      "is not open with this amount",
    ],
    ["a hold is placed twice", () => history(bought(100), held(10), held(10)), 3, "is open already"],
    [
      "more is refunded than was debited, little by little",
      () => history(bought(100), debited(30), refunded(20, idOf(2)), refunded(11, idOf(2))),
      4,
      "11 are refunded",
    ],
    ["what is no debit is refunded", () => history(bought(100), refunded(5, idOf(1))), 2, "of which 0 can be"],
    ["a debit is refunded that is not there", () => history(bought(100), refunded(5, id("nothing"))), 2, "is not in"],
    [
      "more is spent than the credit limit lets",
      () => altered(history(debited(5, [overdraft(5)])), 1, () => inLedger),
      1,
      "5 credits more",
    ],
    [
      "a refund goes to another lot than the debit came from",
      () => history(bought(100), bought(100, 2), debited(30), refunded(30, idOf(3), [{ ...lotOne(30), lot: 2 }])),
      4,
      "gives back other parts",
    ],
    [
      "a refund prolongs what it gives back",
      () => history(bought(100), debited(100), refunded(100, idOf(2), [{ ...lotOne(100), expiresAt: later }])),
      3,
      "gives back other parts",
    ],
    [
      "a debit names other terms than those of its lot",
      () => history(bought(100), debited(30, [{ ...lotOne(30), kind: "promotional" }])),
      2,
      "not on the terms",
    ],
    [
      "a capture takes what its hold does not reserve",
      () =>
        altered(history(bought(100), held(10), captured(10, [])), 3, () => ({ parts: [{ ...lotOne(10), lot: 2 }] })),
      3,
      "reserves other parts",
    ],
    [
      "a hold gives back what it does not reserve",
      () =>
        history(bought(100), held(10), {
          type: "HoldReleased",
          data: { holdId, amount: 10, parts: [{ ...lotOne(10), lot: 2 }] },
        }),
      3,
      "reserves other parts",
    ],
    [
      "a lot takes effect before its time",
      () => history(bought(100, 1, { effectiveAt: later }), activated(100, later)),
      2,
      `lot 1 takes effect at ${later}, and that was written at ${now}`,
    ],
    [
      "a lot takes effect at another time than was agreed on",
      () => history(bought(100, 1, { effectiveAt: later }), activated(100, now)),
      2,
      `lot 1 takes effect at ${later}, and it says ${now}`,
    ],
    [
      "a lot expires before its time",
      () => history(bought(100, 1, { expiresAt: later }), expired(100, later)),
      2,
      `lot 1 expires at ${later}, and that was written at ${now}`,
    ],
    ["a lot expires that lasts for ever", () => history(bought(100), expired(100)), 2, "lot 1 expires at no time"],
    [
      "a hold expires before its time",
      () => history(bought(100), held(10), holdExpired(10, later)),
      3,
      `expires at ${later}, and that was written at ${now}`,
    ],
    [
      "a transfer returns with more than was sent",
      () => history(bought(100), sent(10), returned(20)),
      3,
      "returns with other credits than were sent",
    ],
    [
      "a transfer returns to another lot than it was sent from",
      () => history(bought(100), sent(10), returned(10, [{ ...lotOne(10), lot: 2 }])),
      3,
      "returns with other credits than were sent",
    ],
    [
      "a transfer is received twice",
      () => history(received(10, 1), received(10, 2)),
      2,
      "was received or refused before",
    ],
    [
      "a transfer is received that was refused",
      () => history(refusedTransfer, received(10, 1)),
      2,
      "was received or refused before",
    ],
    ["a debit counts in no budget", () => history(bought(100), budgeted(40), debited(10)), 3, "to other budgets"],
    [
      "a hold counts in another period than it is placed in",
      () => history(bought(100), budgeted(40), charged(held(10), [{ budgetId, periodStart: now }])),
      3,
      "to other budgets than it falls under",
    ],
    [
      "what is captured counts elsewhere than its hold",
      () => history(bought(100), budgeted(40), charged(held(10)), captured(10, [])),
      4,
      "to other budgets than hold",
    ],
    [
      "more is spent than a budget allows, little by little",
      () => history(bought(100), budgeted(40), charged(held(30)), charged(debited(11))),
      4,
      "allows 40, and more is spent",
    ],
    [
      "a refund gives nothing back to the budget its debit was charged to",
      () => history(bought(100), budgeted(40), charged(debited(10)), refunded(10, idOf(3))),
      4,
      "gives back to other budgets",
    ],
    [
      "a refund gives back to a budget its debit was not charged to",
      () => history(bought(100), debited(10), budgeted(40), charged(refunded(10, idOf(2)))),
      4,
      "gives back to other budgets",
    ],
    ["a closed ledger is spent from", () => history(bought(100), closed, debited(10)), 3, "was closed before"],
    ["a closed ledger takes a transfer", () => history(closed, received(10, 1)), 2, "was closed before"],
    ["a ledger is closed twice", () => history(closed, closed), 2, "was closed before"],
    ["a lot is left out", () => history(bought(100, 2)), 1, "lot 2 is not the next one"],
    [
      "a transfer arrives that was never sent",
      () => history({ type: "TransferCompleted", data: { transferId: id("transfer") } }),
      1,
      "is not under way",
    ],
    ["a ledger is opened twice", () => [opening, opening], 1, "opened again"],
    ["a ledger is not opened at all", () => history(bought(100)).slice(1), 0, "not open yet"],
    [
      "an event is of another organization",
      () => altered(history(bought(100)), 1, () => ({ organizationId: id("other") })),
      1,
      "of another ledger",
    ],
    [
      "an event is none",
      () => altered(history(bought(100)), 1, () => ({ amount: -5 })),
      1,
      "is not what CreditsPurchased",
    ],
    [
      "a lot is spent twice",
      () => [...history(bought(100), debited(60)), ...history(bought(100), debited(60)).slice(2)],
      3,
      "lot 1 does not hold 60 credits",
    ],
  ])("%s", async (_, forged, revision, words) => {
    const report = await reportOn(forged());
    expect(report).toMatch(new RegExp(`^The event at revision ${revision} cannot be: `));
    expect(report).toContain(words);
  });
});

test("a transfer is known to have been decided, however many were since", async () => {
  const decided = Array.from({ length: 20_050 }, (_, index) => refusing(id(`transfer ${index}`)));
  expect(await reportOn(history(...decided))).toMatch(/^20051 events/);
  for (const again of [3, 19_999, 20_049])
    expect(await reportOn(history(...decided, refusing(id(`transfer ${again}`).toUpperCase())))).toMatch(
      /^The event at revision 20051 cannot be: transfer .* was received or refused before\.$/,
    );
});

test("a ledger of any length is verified, and what is refunded late is found in it", async () => {
  const debits = 5_000;
  const long = (amount: number) =>
    history(
      bought(debits),
      ...Array.from({ length: debits }, () => debited(1)),
      refunded(1, idOf(7)),
      refunded(amount, idOf(9)),
    );
  expect(await reportOn(long(1))).toMatch(/^5004 events .* balance 2 credits\./);
  expect(await reportOn([...long(1), ...history(bought(2), refunded(1, idOf(7))).slice(2)])).toContain("revision 5004");
  expect(await reportOn(long(2))).toContain("of which 1 can be");
});
