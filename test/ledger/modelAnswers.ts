import type { Entry, Ledger } from "./modelLedger.ts";
import type { Refused } from "./modelRefusal.ts";
import type { Asked, Request } from "./requests.ts";

type Done = { kind: "done"; answer: (entries: readonly Entry[]) => unknown };
export type Outcome = Done | Refused;
export const done = (answer: Done["answer"]): Done => ({ kind: "done", answer });
export const nothing = done(() => null);

/** Where it left the ledger. */
export const left = (entries: readonly Entry[]) => {
  const last = entries.at(-1);
  if (!last) throw new Error("nothing was entered");
  return { balance: last.after.posted, held: last.after.held, available: last.after.available };
};

type Line = { type: string; sign: number; amount: number; description: string };
export const transaction =
  (entry: string, { type, sign, amount, description }: Line, asked: Asked, more: object = {}) =>
  (entries: readonly Entry[]) => ({
    transaction: {
      ...{ type, amount, change: sign * amount, description, createdAt: asked.now },
      balanceAfter: entries.find((each) => each.type === entry)?.after.posted,
      ...{ referenceId: null, category: null, ...more },
    },
    ...left(entries),
  });

export const later = (now: string, ms: number): string => new Date(Date.parse(now) + ms).toISOString();

type Inputs = { [R in Request as R["command"]]: R["input"] };
export type Rules = { [C in keyof Inputs]: (ledger: Ledger, input: Inputs[C], asked: Asked) => Outcome };
