import { expect, test } from "vitest";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { CaptureHold, ReleaseHold } from "../../src/commands/credits/holds.ts";
import { SendTransfer } from "../../src/commands/credits/transfers.ts";
import { type CreditLedger, creditLedger, type OpenCreditLedger } from "../../src/domain/credits/creditLedger.ts";
import { AppendAnswerLost, type EventStore } from "../../src/eventstore/store.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { type LedgerCommands, ledgerCommands } from "./requests.ts";
import { simulate } from "./simulation/simulate.ts";
import type { Breakage } from "./simulation/world.ts";

const runsMax = 3_000;
const harmlessRuns = 300;

/** The seeds are always the same: a breakage that is found once is found each time. */
const found = async (breakage: Breakage): Promise<number | undefined> => {
  for (let seed = 1; seed <= runsMax; seed += 1) if ((await simulate(seed, breakage)).fault !== undefined) return seed;
  return undefined;
};

type Evolve = typeof creditLedger.evolve;

/** All commands on a ledger that adds its events up in another way. */
const evolving = (evolve: Partial<Evolve>): Partial<LedgerCommands> => {
  const on = { ...creditLedger, evolve: { ...creditLedger.evolve, ...evolve } };
  return Object.fromEntries(Object.entries(ledgerCommands).map(([name, command]) => [name, { ...command, on }]));
};

/** Debits decided on a ledger other than the one there is. */
const debiting = (mislead: (ledger: OpenCreditLedger) => OpenCreditLedger): Partial<LedgerCommands> => ({
  DebitCredits: {
    ...DebitCredits,
    decide: (input, ledger, facts) =>
      DebitCredits.decide(input, ledger.status === "open" ? mislead(ledger) : ledger, facts),
  },
});

const unchanged = <S>(state: S): S => state;

const breakages: Record<string, Breakage> = {
  "a debit that is not checked against its funds": {
    commands: debiting((ledger) => ({ ...ledger, creditLimit: ledger.creditLimit + 1_000 })),
  },
  "credits that never expire": {
    commands: evolving({
      CreditsGranted: (ledger, data) => creditLedger.evolve.CreditsGranted(ledger, { ...data, expiresAt: null }),
    }),
  },
  "a hold that can be captured as if nothing of it was captured yet": {
    commands: evolving({ HoldCaptured: unchanged }),
  },
  "a hold that is released and stays open": { commands: evolving({ HoldReleased: unchanged }) },
  "a debit refunded as often as it is asked for": {
    commands: evolving({
      CreditsRefunded: (ledger, data) => {
        const after = creditLedger.evolve.CreditsRefunded(ledger, data);
        return after.status === "open" ? { ...after, refunds: [] } : after;
      },
    }),
  },
  "a transfer that was received and comes back as well": { commands: evolving({ TransferCompleted: unchanged }) },
  "a transfer that comes back as often as it is asked for": {
    commands: evolving({
      TransferReturned: (ledger, data) => {
        const after = creditLedger.evolve.TransferReturned(ledger, data);
        return after.status === "open" && ledger.status === "open" ? { ...after, transfers: ledger.transfers } : after;
      },
    }),
  },
  "a transfer that borrows what it sends": {
    commands: {
      SendTransfer: {
        ...SendTransfer,
        decide: (input, ledger, facts) =>
          SendTransfer.decide(input, ledger.status === "open" ? { ...ledger, debt: 0 } : ledger, facts),
      },
    },
  },
  "a ledger that is closed and goes on": { commands: evolving({ LedgerClosed: unchanged }) },
  "budgets that nothing is charged to": {
    commands: debiting((ledger) => ({ ...ledger, budgets: [] })),
  },
  "lots that are spent in the order they came in": {
    commands: debiting((ledger) => ({ ...ledger, lots: ledger.lots.toSorted((a, b) => a.lot - b.lot) })),
  },
  "a capture that tells of nothing released": {
    commands: { CaptureHold: { ...CaptureHold, answer: (told) => ({ ...CaptureHold.answer(told), released: 0 }) } },
  },
  "a release that is told more than was released": {
    commands: {
      ReleaseHold: {
        ...ReleaseHold,
        answer: (told) => ({ ...ReleaseHold.answer(told), released: ReleaseHold.answer(told).released + 1 }),
      },
    },
  },
  "a refusal that tells of another shortfall": {
    commands: {
      DebitCredits: {
        ...DebitCredits,
        decide: (input, ledger, facts) => {
          const decision = DebitCredits.decide(input, ledger, facts);
          if (!isRejection(decision) || decision.code !== "INSUFFICIENT_CREDITS") return decision;
          return { ...decision, details: { ...decision.details, shortfall: 0 } };
        },
      },
    },
  },
  "an append whose answer was lost taken for one that was written": {
    store: (store) => ({
      ...store,
      async append(stream, events, expected) {
        try {
          return await store.append(stream, events, expected);
        } catch (error) {
          if (!(error instanceof AppendAnswerLost)) throw error;
          return { revision: expected + BigInt(events.length), position: 1n };
        }
      },
    }),
  },
  "an append whose answer was lost sent again to wherever the stream ends now": {
    store: (store) => ({ ...store, append: appendingAgain(store) }),
  },
  "appends that do not ask where the stream ends": {
    store: (store) => ({
      ...store,
      append: async (stream, events) => store.append(stream, events, (await store.last(stream))?.revision ?? -1n),
    }),
  },
  "a conflict taken for an append": {
    store: (store) => ({
      ...store,
      async append(stream, events, expected) {
        const outcome = await store.append(stream, events, expected);
        return outcome === "conflict" ? { revision: expected + BigInt(events.length), position: 1n } : outcome;
      },
    }),
  },
  "commands forgotten once they are no longer in memory": {
    memory: (memory) => ({ ...memory, recall: async () => new Map() }),
  },
  "commands forgotten when what was kept of them is dropped": {
    memory: (memory) => ({
      ...memory,
      recall: async (ledger, last, ids) => (await memory.recall(ledger, last, ids)) ?? new Map(),
    }),
  },
  "commands that leave the memory of a process unnoticed by those who have looked them up": {
    memory: (memory) => ({
      ...memory,
      async keep(ledger, fold, commands, since) {
        const isKept = await memory.keep(ledger, fold, new Map(commands), since);
        // The very set that its lane holds, and would look at.
        if (isKept && commands instanceof Map) commands.clear();
        return isKept;
      },
    }),
  },
  "a snapshot without the holds there are": {
    memory: (memory) => ({
      ...memory,
      keep: (ledger, fold, commands, since) =>
        memory.keep(
          ledger,
          { ...fold, snapshot: { ...fold.snapshot, state: withoutHolds(fold.snapshot.state) } },
          commands,
          since,
        ),
    }),
  },
  "a dry run that is carried out": { asked: ({ dryRun: _, ...asked }) => asked },
  "an expected revision that nobody looks at": { asked: ({ expectedRevision: _, ...asked }) => asked },
};

const withoutHolds = (state: unknown): unknown => ({ ...(state as CreditLedger), holds: [] });

const appendingAgain =
  (store: EventStore): EventStore["append"] =>
  async (stream, events, expected) => {
    try {
      return await store.append(stream, events, expected);
    } catch (error) {
      if (!(error instanceof AppendAnswerLost)) throw error;
      const end = (await store.last(stream))?.revision ?? -1n;
      const renamed = events.map((event) => ({ ...event, id: `${event.id.slice(0, -1)}0` }));
      return store.append(stream, renamed, end);
    }
  };

test.each(Object.entries(breakages))("%s is found, and nothing in the same run without it", async (_, breakage) => {
  const seed = (await found(breakage)) ?? expect.fail("it was not found");
  expect((await simulate(seed)).fault).toBeUndefined();
});

test("what is wrapped in the same way and breaks nothing is found to be in order", async () => {
  const harmless: Breakage = {
    commands: { ...evolving({}), ...debiting(unchanged) },
    store: (store) => ({ ...store }),
    memory: (memory) => ({ ...memory }),
    asked: (asked) => ({ ...asked }),
  };
  for (let seed = 1; seed <= harmlessRuns; seed += 1)
    expect(await simulate(seed, harmless)).toMatchObject({ fault: undefined });
});

test("the same seed is the same run, to the last answer", async () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const [one, again] = [await simulate(seed), await simulate(seed)];
    expect(again).toEqual(one);
  }
});
