import type { Balance } from "../domain/credits/amounts.ts";
import { balanceOf, type CreditLedger, type Hold, type OpenCreditLedger } from "../domain/credits/creditLedger.ts";
import { beyond, type Part, taken, totalOf, withoutParts } from "../domain/credits/lots.ts";
import type { LedgerEvent } from "../domain/credits/unfolding.ts";
import { canonical } from "../eventstore/chain.ts";
import type { Recorded } from "../kernel/decider.ts";

/**
 * What an event may not be after what came before it, in words; undefined when nothing is wrong with it. Says anew what
 * commands make sure of, for histories that nobody knows which program wrote.
 */
export const breachOf = (
  before: CreditLedger,
  event: Recorded<LedgerEvent>,
  after: CreditLedger,
): string | undefined => {
  if (event.type === "LedgerOpened")
    return before.status === "open" ? "the ledger is opened again" : standing(event, after);
  if (before.status !== "open") return "the ledger is not open yet";
  return (
    foreign(before, event) ??
    tooLate(before, event) ??
    unlikeItsObject(before, event) ??
    tooEarly(before, event) ??
    movement(before, event, after) ??
    standing(event, after)
  );
};

const foreign = (before: OpenCreditLedger, { data }: LedgerEvent): string | undefined => {
  const isOurs = data.workspaceId === before.workspaceId && data.organizationId === before.organizationId;
  return isOurs ? undefined : "it is of another ledger";
};

/** What brings to its end what was under way, or follows from that. */
const windingUp: ReadonlySet<LedgerEvent["type"]> = new Set([
  ...(["CreditsActivated", "CreditsExpired", "CreditsRecharged", "CreditsRefunded"] as const),
  ...(["HoldCaptured", "HoldReleased", "HoldExpired"] as const),
  ...(["TransferRefused", "TransferCompleted", "TransferReturned"] as const),
  ...(["RechargeDeclined", "AutoRechargeSuspended"] as const),
  ...(["BudgetThresholdReached", "LowBalanceReached", "BalanceRecovered"] as const),
]);

const tooLate = ({ isClosed }: OpenCreditLedger, { type }: LedgerEvent): string | undefined =>
  isClosed && !windingUp.has(type) ? "the ledger was closed before" : undefined;

/** What time alone does is at the time that was agreed on, and written no sooner. */
const tooEarly = (before: OpenCreditLedger, event: Recorded<LedgerEvent>): string | undefined => {
  const due = dueIn(before, event);
  if (!due) return undefined;
  const { what, at, told } = due;
  const { occurredAt } = event.metadata;
  if (typeof at !== "string" || at !== told) return `${what} at ${at ?? "no time"}, and it says ${told}`;
  return Date.parse(occurredAt) >= Date.parse(at)
    ? undefined
    : `${what} at ${at}, and that was written at ${occurredAt}`;
};

type Due = { what: string; at: string | null | undefined; told: string };

const dueIn = ({ coming, lots, holds }: OpenCreditLedger, { type, data }: LedgerEvent): Due | undefined => {
  if (type === "CreditsActivated") {
    const at = coming.find(({ lot }) => lot === data.lot)?.effectiveAt;
    return { what: `lot ${data.lot} takes effect`, at, told: data.effectiveAt };
  }
  if (type === "CreditsExpired") {
    const at = lots.find(({ lot }) => lot === data.lot)?.expiresAt;
    return { what: `lot ${data.lot} expires`, at, told: data.expiredAt };
  }
  if (type !== "HoldExpired") return undefined;
  const at = holds.find(({ holdId }) => holdId === data.holdId)?.expiresAt;
  return { what: `hold ${data.holdId} expires`, at, told: data.expiredAt };
};

/** The balance is the one it says, nobody spent what was not there, and the parts add up to it. */
const standing = ({ data: { after: told } }: LedgerEvent, ledger: CreditLedger): string | undefined => {
  if (ledger.status !== "open") return "the ledger is not open yet";
  const { posted, held, available } = balanceOf(ledger);
  if (available < 0) return `${-available} credits more are spent than were available`;
  if (told.posted !== posted || told.held !== held || told.available !== available)
    return `it leaves ${said({ posted, held, available })}, and says ${said(told)}`;
  if (totalOf(ledger.lots) !== ledger.free) return "the lots do not add up to the balance";
  if (totalOf(ledger.holds) !== held || ledger.holds.some(({ amount, parts }) => totalOf(parts) !== amount))
    return "the holds do not add up to what is held";
  return ledger.debt < 0 || ledger.heldOverdraft < 0
    ? "more was paid back than was drawn on the credit limit"
    : undefined;
};

const said = ({ posted, held, available }: Balance): string => `${posted} posted, ${held} held, ${available} available`;

/** What an event says it moves has moved: neither its amount nor its parts were made up. */
const movement = (before: OpenCreditLedger, event: LedgerEvent, after: CreditLedger): string | undefined => {
  if (after.status !== "open") return "the ledger is not open any more";
  const [from, to, [posted, held]] = [balanceOf(before), balanceOf(after), movedBy(event)];
  if (to.posted - from.posted === posted && to.held - from.held === held) return undefined;
  return `it moves ${to.posted - from.posted} credits and ${to.held - from.held} held, and says ${posted} and ${held}`;
};

/** Which way the amount of an event goes. */
const directions: Readonly<Record<LedgerEvent["type"], readonly [posted: -1 | 0 | 1, held: -1 | 0 | 1]>> = {
  LedgerOpened: [0, 0],
  LedgerClosed: [0, 0],
  CreditLimitSet: [0, 0],
  CreditsPurchased: [1, 0],
  CreditsGranted: [1, 0],
  CreditsAdjusted: [1, 0],
  CreditsRecharged: [1, 0],
  CreditsActivated: [1, 0],
  CreditsExpired: [-1, 0],
  CreditsDebited: [-1, 0],
  CreditsDeducted: [-1, 0],
  CreditsRefunded: [1, 0],
  HoldPlaced: [0, 1],
  HoldCaptured: [-1, -1],
  HoldReleased: [0, -1],
  HoldExpired: [0, -1],
  TransferSent: [-1, 0],
  TransferReceived: [1, 0],
  TransferRefused: [0, 0],
  TransferCompleted: [0, 0],
  TransferReturned: [1, 0],
  AutoRechargeConfigured: [0, 0],
  RechargeRequested: [0, 0],
  RechargeDeclined: [0, 0],
  AutoRechargeSuspended: [0, 0],
  RechargeCapReached: [0, 0],
  BudgetSet: [0, 0],
  BudgetRemoved: [0, 0],
  BudgetThresholdReached: [0, 0],
  BalanceAlertConfigured: [0, 0],
  LowBalanceReached: [0, 0],
  BalanceRecovered: [0, 0],
};

/** A lot whose time has not come moves nothing yet; a last capture gives back what it leaves over. */
const movedBy = ({ type, data }: LedgerEvent): readonly [posted: number, held: number] => {
  const waits = "effectiveAt" in data && type !== "CreditsActivated" && data.effectiveAt !== null;
  const amount = "amount" in data && !waits ? data.amount : 0;
  const released = "released" in data ? totalOf(data.released) : 0;
  const [posted, held] = directions[type];
  return [posted * amount, held * amount - released];
};

/** The lot, the hold or the transfer it is about is not there, or not with this amount. */
const unlikeItsObject = (before: OpenCreditLedger, event: LedgerEvent): string | undefined => {
  switch (event.type) {
    case "CreditsPurchased":
    case "CreditsGranted":
    case "CreditsAdjusted":
    case "CreditsRecharged":
      return event.data.lot === before.lotCount + 1 ? undefined : `lot ${event.data.lot} is not the next one`;
    case "CreditsActivated":
      return whole(before.coming, event.data, `lot ${event.data.lot} does not wait for its time with this amount`);
    case "CreditsDebited":
    case "CreditsDeducted":
    case "TransferSent":
      return drawnFrom(before.lots, event.data.parts);
    case "CreditsExpired":
      return whole(before.lots, event.data, `lot ${event.data.lot} does not hold what expires of it`);
    case "HoldPlaced":
      return holdIn(before, event.data)
        ? `hold ${event.data.holdId} is open already`
        : drawnFrom(before.lots, event.data.parts);
    case "HoldCaptured":
      return captured(holdIn(before, event.data), event.data);
    case "HoldReleased":
    case "HoldExpired": {
      const { holdId, amount, parts } = event.data;
      const hold = holdIn(before, event.data);
      if (hold?.amount !== amount) return `hold ${holdId} is not open with this amount`;
      return isSame(parts, hold.parts) ? undefined : `hold ${holdId} reserves other parts`;
    }
    case "TransferCompleted":
      return transferIn(before, event.data) ? undefined : `transfer ${event.data.transferId} is not under way`;
    case "TransferReturned": {
      const { transferId, amount, parts } = event.data;
      const sent = transferIn(before, event.data);
      if (!sent) return `transfer ${transferId} is not under way`;
      const isWhatWasSent = amount === totalOf(sent.parts) && isSame(parts, sent.parts);
      return isWhatWasSent ? undefined : `transfer ${transferId} returns with other credits than were sent`;
    }
    default:
      return undefined;
  }
};

const whole = (
  lots: readonly { lot: number; amount: number }[],
  { lot, amount }: { lot: number; amount: number },
  otherwise: string,
): string | undefined => (lots.some((each) => each.lot === lot && each.amount === amount) ? undefined : otherwise);

/** The lot that does not hold what is taken from it, or not on these terms. */
const drawnFrom = (lots: readonly Part[], parts: readonly Part[]): string | undefined => {
  const missing = parts.find(({ lot }, index) => !withoutParts(lots, parts.slice(0, index + 1)) && lot !== 0);
  if (missing) return `lot ${missing.lot} does not hold ${missing.amount} credits`;
  const unlike = parts.find((part) => lots.some((each) => each.lot === part.lot && !isOnTerms(part, each)));
  return unlike && `lot ${unlike.lot} is not on the terms of what is taken from it`;
};

const isOnTerms = (part: Part, { kind, priority, expiresAt }: Part): boolean =>
  part.kind === kind && part.priority === priority && part.expiresAt === expiresAt;

const isSame = (some: readonly Part[], others: readonly Part[]): boolean => canonical(some) === canonical(others);

const transferIn = ({ transfers }: OpenCreditLedger, { transferId }: { transferId: string }) =>
  transfers.find((transfer) => transfer.transferId === transferId);

const holdIn = ({ holds }: OpenCreditLedger, { holdId }: { holdId: string }) =>
  holds.find((hold) => hold.holdId === holdId);

type Captured = Extract<LedgerEvent, { type: "HoldCaptured" }>["data"];

const captured = (
  hold: Hold | undefined,
  { holdId, amount, parts, released, isFinal }: Captured,
): string | undefined => {
  if (!hold) return `hold ${holdId} is not open`;
  const rest = hold.amount - amount;
  if (rest < 0) return `${amount} are captured of hold ${holdId}, which reserves ${hold.amount}`;
  if (totalOf(released) !== (isFinal ? rest : 0)) return `what is left of hold ${holdId} is not given back`;
  const isOfHold =
    isSame(parts, taken(hold.parts, amount)) && isSame(released, isFinal ? beyond(hold.parts, amount) : []);
  return isOfHold ? undefined : `hold ${holdId} reserves other parts`;
};
