import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { usageOf } from "../../../src/projections/ledger/usage.ts";
import { workspaceId } from "../../domain/ledgerStory.ts";
import { requests, type Story, storyOf, transactionId } from "./stories.ts";
import { writtenLedgers } from "./written.ts";

const stack = new AsyncDisposableStack();
let database: Awaited<ReturnType<typeof writtenLedgers>>;
beforeAll(async () => {
  database = await writtenLedgers(stack);
});
afterAll(() => stack.disposeAsync());

type Days = { from: string; to: string };
const always = { from: "2000-01-01", to: "2099-12-31" };
const groups = ["category", "member", "day"] as const;
type Group = (typeof groups)[number];

/** As whoever asks for it is told, row by row. */
const told = async (groupBy: Group, days: Days) => {
  const { rows, total } = await database.read((read) =>
    usageOf(read, workspaceId, { groupBy, ...days, limit: 1_000, offset: 0 }),
  );
  expect(total).toBe(rows.length);
  return new Map(
    rows.map(({ day, category, member, debits, spent, refunded }) => {
      const key = { day, category, member: member && `${member.kind} ${member.id}` }[groupBy];
      return [key, { debits, spent, refunded }];
    }),
  );
};

/**
 * The same, added up from the events alone: what was debited and captured counts for who did it on the day it was done;
 * what was refunded for the category and the member of its debit, and on the day it was given back.
 */
const addedUp = ({ history }: Story, groupBy: Group, { from, to }: Days) => {
  const sums = new Map<string | null, { debits: number; spent: number; refunded: number }>();
  const debits = new Map(history.map((event) => [transactionId(event.revision), event]));
  for (const { type, data, metadata, revision } of history) {
    const isRefund = type === "CreditsRefunded";
    if (!isRefund && type !== "CreditsDebited" && type !== "HoldCaptured") continue;
    const day = metadata.occurredAt.slice(0, 10);
    if (day < from || day > to) continue;
    const debit = debits.get(isRefund ? data.debitId : transactionId(revision));
    const category = debit && "category" in debit.data ? debit.data.category : null;
    const key = { day, category, member: `${debit?.metadata.actor.kind} ${debit?.metadata.actor.id}` }[groupBy];
    const before = sums.get(key) ?? { debits: 0, spent: 0, refunded: 0 };
    sums.set(key, {
      debits: before.debits + (isRefund ? 0 : 1),
      spent: before.spent + (isRefund ? 0 : data.amount),
      refunded: before.refunded + (isRefund ? data.amount : 0),
    });
  }
  return sums;
};

/** Days of a story, of which some begin or end within it. */
const someDays = fc.tuple(fc.nat(40), fc.nat(40)).map(([first, length]) => {
  const day = (offset: number) => new Date(Date.UTC(2026, 2, 1 + offset)).toISOString().slice(0, 10);
  return { from: day(first), to: day(first + length) };
});

test("usage by category, member and day is what was debited and refunded, in whichever days", async () => {
  await fc.assert(
    fc.asyncProperty(requests, someDays, async (asked, days) => {
      const story = storyOf(asked);
      await database.write(story.history);
      for (const groupBy of groups)
        for (const asking of [always, days])
          expect(await told(groupBy, asking)).toEqual(addedUp(story, groupBy, asking));
    }),
    { numRuns: 100 },
  );
});

test("usage less refunds is what debits took of the balance, however it is told apart", async () => {
  await fc.assert(
    fc.asyncProperty(requests, async (asked) => {
      const { history } = storyOf(asked);
      await database.write(history);
      let [posted, taken] = [0, 0];
      for (const { type, data } of history) {
        if (["CreditsDebited", "HoldCaptured", "CreditsRefunded"].includes(type)) taken += posted - data.after.posted;
        posted = data.after.posted;
      }
      for (const groupBy of groups) {
        const rows = await told(groupBy, always);
        expect(rows.values().reduce((sum, { spent, refunded }) => sum + spent - refunded, 0)).toBe(taken);
      }
    }),
    { numRuns: 100 },
  );
});

test("ES-05: usage that is made anew from the events is the one that was kept while they were written", async () => {
  await fc.assert(
    fc.asyncProperty(requests, fc.integer({ min: 1, max: 9 }), async (asked, batchSize) => {
      const { history } = storyOf(asked);
      await database.write(history, batchSize);
      const live = await Promise.all(groups.map((groupBy) => told(groupBy, always)));
      await database.write(history);
      expect(await Promise.all(groups.map((groupBy) => told(groupBy, always)))).toEqual(live);
    }),
    { numRuns: 100 },
  );
});
