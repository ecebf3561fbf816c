import fc from "fast-check";
import { expect } from "vitest";
import { slot } from "./arbitraries.ts";
import { type Command, command, expectRead, nameOf } from "./session.ts";
import { metastreamOf, type Range, readAll } from "./specification.ts";

const anyNumber = Number.MAX_SAFE_INTEGER;

const rangesUpTo = (max: bigint): fc.Arbitrary<Range> =>
  fc.record({
    from: fc.option(fc.bigInt({ min: 0n, max }), { nil: undefined, freq: 2 }),
    direction: fc.constantFrom("forwards", "backwards"),
    maxCount: fc.oneof(fc.constant(anyNumber), fc.integer({ min: 1, max: 10 })),
    resolvesLinks: fc.boolean(),
  });

function textOf({ from, direction, maxCount, resolvesLinks }: Range): string {
  const limit = maxCount === anyNumber ? "" : `, at most ${maxCount}`;
  return `${direction} from ${from ?? "where it begins"}${limit}${resolvesLinks ? ", resolving links" : ""}`;
}

export const streamReads: fc.Arbitrary<Command> = fc
  .record({ of: slot, isMetastream: fc.boolean(), range: rangesUpTo(10n) })
  .map(({ of, isMetastream, range }) =>
    command(`read ${isMetastream ? metastreamOf(of) : of} ${textOf(range)}`, (model, real) => {
      const stream = nameOf(model, of);
      return expectRead(model, real, isMetastream ? metastreamOf(stream) : stream, range);
    }),
  );

/** The position is counted from where the run began. */
export const allReads: fc.Arbitrary<Command> = rangesUpTo(30n).map((range) =>
  command(`read $all ${textOf(range)}`, async ({ store, firstPlace }, { node }) => {
    const place = Math.min(firstPlace + Number(range.from ?? 0), store.log.length - 1);
    const placed = { ...range, from: range.from === undefined ? undefined : BigInt(place) };
    expect(await node.readAll(placed)).toEqual(readAll(store, placed).map(node.expectation));
  }),
);
