import { z } from "zod";
import { command, type EventOf, event, type Ledger, type Recorded } from "../../src/kernel/decider.ts";
import { reject } from "../../src/kernel/rejection.ts";

const Coins = z.int().positive();
const Left = z.int().nonnegative();
const events = {
  PurseFilled: event(z.object({ purseId: z.uuid(), coins: Coins, left: Left, filledAt: z.iso.datetime() })),
  CoinsTaken: event(z.object({ purseId: z.uuid(), coins: Coins, left: Left })),
  PurseEmptied: event(z.object({ purseId: z.uuid() })),
};
type Purse = { coins: number; filledAt: string | null };

/** The least that is a ledger: for what the write side does with any. */
export const purse: Ledger<typeof events, Purse> = {
  category: "purse",
  events,
  initial: { coins: 0, filledAt: null },
  ledger: { foldVersion: 1 },
  evolve: {
    PurseFilled: (_, { left, filledAt }) => ({ coins: left, filledAt }),
    CoinsTaken: (state, { left }) => ({ ...state, coins: left }),
    PurseEmptied: (state) => state,
  },
};

const Handful = z.object({ purseId: z.uuid(), coins: Coins });
const inPurse = ({ purseId }: { purseId: string }) => purseId;
const Told = z.object({ id: z.uuid(), coins: Coins, left: Left, at: z.iso.datetime() });

export const FillPurse = command(purse, {
  name: "FillPurse",
  permission: "none",
  input: Handful,
  output: Told,
  stream: inPurse,
  decide: ({ purseId, coins }, purse, { now: filledAt }) => [
    { type: "PurseFilled", data: { purseId, coins, left: purse.coins + coins, filledAt } },
  ],
  answer: told,
});

/** Taking the last coin is two events. */
export const TakeCoins = command(purse, {
  name: "TakeCoins",
  permission: "none",
  input: Handful,
  output: Told,
  stream: inPurse,
  decide: ({ purseId, coins }, purse) => {
    const left = purse.coins - coins;
    if (left < 0)
      return reject("insufficient", "TOO_FEW_COINS", "There are not that many coins.", { coins: purse.coins });
    const taken = { type: "CoinsTaken" as const, data: { purseId, coins, left } };
    return left === 0 ? [taken, { type: "PurseEmptied", data: { purseId } }] : [taken];
  },
  answer: told,
});

function told({ events: [first] }: { events: readonly Recorded<EventOf<typeof events>>[] }) {
  if (!first || first.type === "PurseEmptied") throw new Error("coins were put in or taken");
  return { id: first.id, coins: first.data.coins, left: first.data.left, at: first.metadata.occurredAt };
}
