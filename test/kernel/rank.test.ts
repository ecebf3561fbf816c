import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { rankAmong, rankAtEnd } from "../../src/kernel/rank.ts";

type Item = { id: string; rank: string };
const startMs = Date.parse("2026-03-01T09:00:00.000Z");
const nowAt = (ms: number): string => new Date(startMs + ms).toISOString();
const order = (items: readonly Item[]): Item[] =>
  items.toSorted((a, b) => (a.rank < b.rank || (a.rank === b.rank && a.id < b.id) ? -1 : 1));
const items = (count: number): Item[] =>
  Array.from({ length: count }, (_, ms) => {
    const id = randomUUID();
    return { id, rank: rankAtEnd(nowAt(ms), id) };
  });

/** What a client asks for that sees the items so: to put one of them at an index among the others. */
const asked = (seen: readonly Item[], id: string, index: number) => {
  const others = seen.filter((item) => item.id !== id);
  return { after: others[index - 1]?.id ?? null, before: others[index]?.id ?? null };
};
const moved = (all: readonly Item[], id: string, ask: ReturnType<typeof asked>, ms: number): Item[] => {
  const rankOf = (other: string | null) => all.find((item) => item.id === other)?.rank ?? null;
  const rank = rankAmong({ after: rankOf(ask.after), before: rankOf(ask.before) }, { now: nowAt(ms), id });
  return all.map((item) => (item.id === id ? { id, rank } : item));
};

const moves = fc.array(fc.record({ who: fc.nat(), to: fc.nat(), seen: fc.nat({ max: 5 }) }), { maxLength: 60 });
const runs = { numRuns: 300 };

test("PLAN-03: whatever is moved one after the other stands where it was put (P)", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), moves, (count, all) => {
      let now = items(count);
      let expected = now.map(({ id }) => id);
      all.forEach(({ who, to }, step) => {
        const id = expected[who % count] ?? "";
        const index = to % count;
        now = moved(now, id, asked(order(now), id, index), count + step);
        expected = expected.filter((other) => other !== id);
        expected.splice(index, 0, id);
        expect(order(now).map((item) => item.id)).toEqual(expected);
      });
    }),
    runs,
  );
});

test("PLAN-03: of moves on orders that are out of date all are carried out, and nothing shares a place (P)", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), moves, (count, all) => {
      const past = [items(count)];
      all.forEach(({ who, to, seen }, step) => {
        const stale = order(past.at(-1 - (seen % past.length)) ?? []);
        const id = stale[who % count]?.id ?? "";
        const ask = asked(stale, id, to % count);
        const before = past.at(-1) ?? [];
        const now = moved(before, id, ask, count + step);
        const [after, at] = [now.find((item) => item.id === ask.after), now.find((item) => item.id === id)];
        if (after && at) expect(at.rank > after.rank).toBe(true);
        // Nothing else has moved.
        expect(order(now.filter((item) => item.id !== id))).toEqual(order(before.filter((item) => item.id !== id)));
        expect(new Set(now.map(({ rank }) => rank)).size).toBe(count);
        past.push(now);
      });
    }),
    runs,
  );
});

test("PLAN-03: two that are put into one gap at once stand in one of two orders, both between its ends", () => {
  const [low, high, one, other] = items(4);
  const gap = { after: low?.rank ?? "", before: high?.rank ?? "" };
  const ranks = [one, other].map((item) => rankAmong(gap, { now: nowAt(9), id: item?.id ?? "" }));
  for (const rank of ranks) expect(gap.after < rank && rank < gap.before).toBe(true);
});

test("PLAN-03: what is created later stands further back, and a gap is never used up", () => {
  const [first, second] = items(2);
  let [low, high] = [first?.rank ?? "", second?.rank ?? ""];
  for (let count = 0; count < 500; count += 1) {
    const rank = rankAmong({ after: low, before: high }, { now: nowAt(count), id: randomUUID() });
    expect(low < rank && rank < high).toBe(true);
    if (count % 2) low = rank;
    else high = rank;
  }
  expect(low.length).toBeLessThan(3_000);
  expect(rankAtEnd(nowAt(1_000), randomUUID()) > high).toBe(true);
});
