import type { Actor } from "../../src/kernel/decider.ts";
import { derivedId } from "../../src/kernel/ids.ts";
import type { Random } from "./random.ts";
import type { Asked, Request } from "./requests.ts";

/** What callers of one ledger have come to know: what more can be asked for follows from it. */
export type Knowledge = {
  workspaceId: string;
  organizationId: string;
  planType: "free" | "pro";
  holds: string[];
  /** Transfers from it. */
  transfers: string[];
  transactions: string[];
  /** Everything asked so far, to be asked again. */
  asked: Asked[];
  revision: number;
};

export const people: readonly Actor[] = [
  { kind: "user", id: derivedId("ada") },
  { kind: "user", id: derivedId("bob") },
  { kind: "system", id: null },
];
const budgets = [derivedId("budget", 1), derivedId("budget", 2)];
const max = Number.MAX_SAFE_INTEGER;
const secondMs = 1_000;
const spans = [1, secondMs, 5 * secondMs, 60 * secondMs, 3_600 * secondMs, 86_400 * secondMs, 40 * 86_400 * secondMs];

type Chance = { random: Random; known: Knowledge; nowMs: number };
type Making = (chance: Chance) => Request;

const amountOf = ({ random }: Chance): number => {
  if (random.chance(0.01)) return max - random.below(50);
  return random.chance(0.3) ? 1 + random.below(5) : 1 + random.below(60);
};
const later = ({ random, nowMs }: Chance): string => new Date(nowMs + random.pick(spans)).toISOString();
const maybe = <T extends object>(random: Random, probability: number, make: () => T): Partial<T> =>
  random.chance(probability) ? make() : {};
const about = ({ random }: Chance) => ({
  description: "row",
  ...maybe(random, 0.2, () => ({ referenceId: `job-${random.below(9)}` })),
});
const category = ({ random }: Chance) => maybe(random, 0.2, () => ({ category: "search" }));
const holdId = ({ random, known }: Chance): string =>
  known.holds.length > 0 && random.chance(0.95)
    ? random.pick(known.holds.slice(-3))
    : derivedId("no such hold", random.below(3));

const otherWorkspaceId = derivedId("there");

/** As another ledger has sent it, from up to three lots of its own. */
const arriving = (on: Chance) => {
  const { random, known } = on;
  const kinds = ["purchased", "promotional", "adjustment", "recharge"] as const;
  const parts = Array.from({ length: 1 + random.below(3) }, (_, index) => ({
    lot: 1 + index,
    // All of them together are still an exact amount.
    amount: index === 0 ? Math.min(amountOf(on), max - 100) : 1 + random.below(40),
    kind: random.pick(kinds),
    priority: random.below(3) * 40,
    expiresAt: random.chance(0.5) ? later(on) : null,
  }));
  return {
    transferId: derivedId(known.workspaceId, "arriving", random.next()),
    fromWorkspaceId: otherWorkspaceId,
    organizationId: random.chance(0.9) ? known.organizationId : derivedId("elsewhere"),
    parts,
    amount: parts.reduce((sum, { amount }) => sum + amount, 0),
    description: "row",
  };
};

const rechargeId = ({ random, known }: Chance): string => derivedId(known.workspaceId, "recharge", random.below(3));

/** How often each is asked, and how. */
const makings: readonly (readonly [weight: number, making: Making])[] = [
  [
    5,
    (on) => ({
      command: "AddCredits",
      input: {
        ...{ amount: amountOf(on) * (on.random.chance(0.5) ? 1 : 3), ...about(on) },
        ...maybe(on.random, 0.5, () => ({ kind: "promotional" as const })),
        ...maybe(on.random, 0.3, () => ({ priority: on.random.below(3) * 40 })),
        ...maybe(on.random, 0.2, () => ({ effectiveAt: later(on) })),
        ...maybe(on.random, 0.5, () => ({ expiresAt: later(on) })),
      },
    }),
  ],
  [
    2,
    (on) => ({
      command: "AdjustCredits",
      input: { amount: amountOf(on) * (on.random.chance(0.5) ? 1 : -1), reason: "goodwill" },
    }),
  ],
  [10, (on) => ({ command: "DebitCredits", input: { amount: amountOf(on), ...about(on), ...category(on) } })],
  [
    5,
    (on) => {
      const id = derivedId(on.known.workspaceId, "hold", on.known.holds.length);
      on.known.holds.push(id);
      const timeoutSeconds = Math.max(1, on.random.pick(spans.slice(0, 6)) / secondMs);
      const lasts = maybe(on.random, 0.8, () => ({ timeoutSeconds }));
      return {
        command: "PlaceHold",
        input: { holdId: id, amount: amountOf(on), ...about(on), ...category(on), ...lasts },
      };
    },
  ],
  [
    6,
    (on) => ({
      command: "CaptureHold",
      input: {
        holdId: holdId(on),
        ...maybe(on.random, 0.7, () => ({ amount: amountOf(on) })),
        ...maybe(on.random, 0.6, () => ({ final: on.random.chance(0.3) })),
        ...maybe(on.random, 0.2, () => ({ description: "captured" })),
      },
    }),
  ],
  [3, (on) => ({ command: "ReleaseHold", input: { holdId: holdId(on) } })],
  [
    5,
    (on) => ({
      command: "RefundTransaction",
      input: {
        transactionId: on.known.transactions.length > 0 ? on.random.pick(on.known.transactions) : derivedId("nothing"),
        description: "sorry",
        ...maybe(on.random, 0.6, () => ({ amount: amountOf(on) })),
      },
    }),
  ],
  [2, (on) => ({ command: "SetCreditLimit", input: { creditLimit: on.random.pick([0, 20, 100, 10_000, 10_001]) } })],
  [
    2,
    (on) => ({
      command: "SetBudget",
      input: {
        budgetId: on.random.pick(budgets),
        scope: on.random.chance(0.5) ? { kind: "workspace" } : { kind: "member", id: String(people[0]?.id) },
        limit: on.random.below(120),
        period: on.random.pick(["day", "week", "month"] as const),
        ...maybe(on.random, 0.5, () => ({ alertsAt: [50, 100] })),
      },
    }),
  ],
  [1, (on) => ({ command: "RemoveBudget", input: { budgetId: on.random.pick(budgets) } })],
  [
    2,
    ({ random }) => ({
      command: "ConfigureBalanceAlert",
      input: {
        threshold: random.chance(0.2) ? null : random.below(80),
        ...maybe(random, 0.3, () => ({ rearmAt: random.below(100) })),
      },
    }),
  ],
  [
    3,
    ({ random }) => ({
      command: "ConfigureAutoRecharge",
      input: {
        ...{ enabled: random.chance(0.8), threshold: random.below(60), amount: 1 + random.below(50) },
        ...maybe(random, 0.4, () => ({ target: random.below(120) })),
        ...maybe(random, 0.6, () => ({ coolOffSeconds: random.pick([0, 1, 60]) })),
        ...maybe(random, 0.3, () => ({ periodCap: random.below(150) })),
      },
    }),
  ],
  [3, (on) => ({ command: "SettleRecharge", input: { rechargeId: rechargeId(on), reference: "invoice" } })],
  [2, (on) => ({ command: "DeclineRecharge", input: { rechargeId: rechargeId(on), reason: "no money" } })],
  [3, () => ({ command: "AdvanceLedger", input: {} })],
  [1, (on) => ({ command: "OpenLedger", input: opening(on.known) })],
  [
    3,
    (on) => {
      const transferId = derivedId(on.known.workspaceId, "transfer", on.known.transfers.length);
      on.known.transfers.push(transferId);
      return {
        command: "SendTransfer",
        input: { transferId, toWorkspaceId: otherWorkspaceId, amount: amountOf(on), description: "row" },
      };
    },
  ],
  [3, (on) => ({ command: "ReceiveTransfer", input: arriving(on) })],
  [
    4,
    ({ random, known }) => ({
      command: "CompleteTransfer",
      input: {
        transferId: random.pick([...known.transfers.slice(-3), derivedId("no such transfer")]),
        outcome: random.chance(0.4) ? { kind: "received" } : { kind: "refused", reason: "LEDGER_CLOSED" },
      },
    }),
  ],
  // Seldom, for little happens afterwards.
  [0.25, () => ({ command: "CloseLedger", input: {} })],
];
const total = makings.reduce((sum, [weight]) => sum + weight, 0);

const opening = ({ organizationId, planType }: Knowledge) => ({ organizationId, planType });
export const openingOf = (known: Knowledge): Request => ({ command: "OpenLedger", input: opening(known) });

const requestBy = (on: Chance): Request => {
  let left = on.random.next() * total;
  for (const [weight, making] of makings) {
    left -= weight;
    if (left < 0) return making(on);
  }
  throw new Error("the weights do not add up");
};

/** The next thing a caller asks: mostly something new; at times what was asked before, or with a key used before. */
const nextAsked = (random: Random, known: Knowledge, now: string, nextId: () => string): Asked => {
  const before = known.asked.length > 0 && random.chance(0.15) ? random.pick(known.asked) : undefined;
  const isSame = before !== undefined && random.chance(0.75);
  const request = isSame ? before.request : requestBy({ random, known, nowMs: Date.parse(now) });
  const asked: Asked = {
    ...{ deliveryId: nextId(), key: before?.key ?? nextId(), now, actor: random.pick(people), request },
    ...maybe(random, 0.06, () => ({ expectedRevision: known.revision })),
    ...maybe(random, 0.08, () => ({ dryRun: true as const })),
  };
  known.asked.push(asked);
  return asked;
};

const groupable = new Set(["DebitCredits", "AddCredits"]);

/** What one caller sends at once: a command, or a group of some of the same kind. */
export const nextItems = (random: Random, known: Knowledge, now: string, nextId: () => string): Asked[] => {
  const next = () => nextAsked(random, known, now, nextId);
  const first = next();
  if (!groupable.has(first.request.command) || random.chance(0.7)) return [first];
  const others = Array.from({ length: 2 + random.below(3) }, next);
  return [first, ...others.filter(({ request }) => request.command === first.request.command)];
};
