import { describe, expect, test } from "vitest";
import { verify } from "../../src/audit/verify.ts";
import type { Balance } from "../../src/domain/credits/amounts.ts";
import { balanceOf, creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { overdraft, type Part } from "../../src/domain/credits/lots.ts";
import { type Happening, type LedgerEvent, opened } from "../../src/domain/credits/unfolding.ts";
import { linkOf } from "../../src/eventstore/chain.ts";
import { linesOf } from "../../src/eventstore/textLines.ts";
import { fold } from "../../src/kernel/decider.ts";
import { idAt } from "../../src/kernel/ids.ts";
import { id } from "../spec.ts";
import { systemMetadata } from "../support/metadata.ts";

const now = "2026-03-01T09:00:00.000Z";
const workspaceId = id("wonderland");
const inLedger = { workspaceId, organizationId: id("acme"), after: { posted: 0, held: 0, available: 0 } };
const opening: LedgerEvent = {
  type: "LedgerOpened",
  data: { ...inLedger, planType: "free", creditLimit: 0, openedAt: now },
};
/** Every event says of itself what the fold gives, whatever else is wrong with it. */
const history = (...happened: readonly Happening[]): LedgerEvent[] => {
  const events: LedgerEvent[] = [opening];
  let ledger = fold(creditLedger, events);
  for (const { type, data } of happened) {
    // Type and data came in as one of the events' own pairs, which spreading loses.
    const said = (after: Balance) => ({ type, data: { ...inLedger, ...data, after } }) as LedgerEvent;
    ledger = fold(creditLedger, [said(inLedger.after)], ledger);
    events.push(said(balanceOf(opened(ledger))));
  }
  return events;
};
const idOf = (revision: number): string => idAt(BigInt(revision), workspaceId);

/** As whoever can write to the store, and knows how links are made, would have it exported. */
async function* exported(events: readonly LedgerEvent[]): AsyncGenerator<Buffer> {
  let chain = workspaceId;
  for (const [revision, { type, data }] of events.entries()) {
    const event = { id: idOf(revision), type, data, metadata: systemMetadata() };
    chain = linkOf(chain, event);
    const line = { revision: String(revision), ...event, metadata: { ...event.metadata, chain } };
    yield Buffer.from(`${JSON.stringify(line)}\n`);
  }
}
const reportOn = async (events: readonly LedgerEvent[]): Promise<string> =>
  (await verify(linesOf(exported(events)), undefined)).report;

const text = { description: "Enrich", referenceId: null };
const lotOne = (amount: number): Part => ({ lot: 1, amount, kind: "purchased", priority: 50, expiresAt: null });
const bought = (amount: number, lot = 1): Happening => ({
  type: "CreditsPurchased",
  data: { amount, lot, priority: 50, effectiveAt: null, expiresAt: null, settled: 0, ...text },
});
const expired = (amount: number): Happening => ({
  type: "CreditsExpired",
  data: { lot: 1, amount, kind: "purchased", expiredAt: now },
});
const spent = { ...text, category: null, charges: [] };
const debited = (amount: number, parts = [lotOne(amount)]): Happening => ({
  type: "CreditsDebited",
  data: { amount, parts, ...spent },
});
const holdId = id("hold");
const held = (amount: number, which = ""): Happening => ({
  type: "HoldPlaced",
  data: {
    holdId: id(`hold${which}`),
    amount,
    parts: [lotOne(amount)],
    expiresAt: "2026-03-01T10:00:00.000Z",
    ...spent,
  },
});
const captured = (amount: number, released: Part[], isFinal = true): Happening => ({
  type: "HoldCaptured",
  data: { holdId, amount, parts: [lotOne(amount)], released, remaining: 0, isFinal, ...spent },
});
const released = (amount: number): Happening => ({
  type: "HoldReleased",
  data: { holdId, amount, parts: [lotOne(amount)] },
});
const refunded = (amount: number, debitId: string): Happening => ({
  type: "CreditsRefunded",
  data: {
    ...{ debitId, amount, parts: [lotOne(amount)], settled: 0, charges: [], description: "Not found" },
    ...{ refundableUntil: "2026-09-01T09:00:00.000Z", refundedAt: now },
  },
});

test("a history that is none of these is intact", async () => {
  const events = history(bought(100), debited(30), refunded(10, idOf(2)), refunded(20, idOf(2)), held(50));
  expect(await reportOn([...events])).toContain("6 events");
  expect(await reportOn(history(bought(100), held(50), captured(20, [lotOne(30)])))).toContain("balance 80 credits");
  expect(await reportOn(history(bought(100), held(50), released(50)))).toContain("balance 100 credits");
});

const with_ = (events: LedgerEvent[], at: number, change: (data: LedgerEvent["data"]) => object): LedgerEvent[] =>
  events.map((event, index) =>
    index === at ? ({ ...event, data: { ...event.data, ...change(event.data) } } as LedgerEvent) : event,
  );

describe("a history whose chain was made anew is found out when", () => {
  test.each<[string, () => LedgerEvent[], number, string]>([
    [
      "a balance was made up",
      () => with_(history(bought(100), debited(30)), 2, () => ({ after: { posted: 90, held: 0, available: 90 } })),
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
      () => history(bought(100), expired(100), expired(100)),
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
      () => with_(history(debited(5, [overdraft(5)])), 1, () => inLedger),
      1,
      "5 credits more",
    ],
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
      () => with_(history(bought(100)), 1, () => ({ organizationId: id("other") })),
      1,
      "of another ledger",
    ],
    [
      "an event is none",
      () => with_(history(bought(100)), 1, () => ({ amount: -5 })),
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
