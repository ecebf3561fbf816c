import fc from "fast-check";
import { expect } from "vitest";
import { slot } from "./arbitraries.ts";
import { type Command, command, nameOf } from "./session.ts";
import { metastreamOf, readAll, readStream } from "./specification.ts";

const anyNumber = Number.MAX_SAFE_INTEGER;

const ranges = fc.record({
  from: fc.option(fc.nat({ max: 30 }), { nil: undefined }),
  direction: fc.constantFrom("forwards" as const, "backwards" as const),
  maxCount: fc.oneof(fc.constant(anyNumber), fc.integer({ min: 1, max: 10 })),
  resolvesLinks: fc.boolean(),
});

type RangeChoice = typeof ranges extends fc.Arbitrary<infer T> ? T : never;

const textOf = ({ from, direction, maxCount, resolvesLinks }: RangeChoice): string =>
  `${direction} from ${from ?? "the end it has there"}${maxCount === anyNumber ? "" : `, at most ${maxCount}`}${resolvesLinks ? ", resolving links" : ""}`;

export const streamReads: fc.Arbitrary<Command> = fc
  .record({ of: slot, isMetastream: fc.boolean(), range: ranges })
  .map(({ of, isMetastream, range }) =>
    command(`read ${isMetastream ? metastreamOf(of) : of} ${textOf(range)}`, async (model, real) => {
      const stream = isMetastream ? metastreamOf(nameOf(model, of)) : nameOf(model, of);
      const from = range.from === undefined ? undefined : BigInt(range.from % 10);
      const expected = readStream(model.store, stream, { ...range, from });
      const actual = await real.node.readStream(stream, { ...range, from });
      expect(actual).toEqual(typeof expected === "string" ? expected : expected.map(real.node.expectation));
    }),
  );

/** The position is counted from where the run began. */
export const allReads: fc.Arbitrary<Command> = ranges.map((range) =>
  command(`read $all ${textOf(range)}`, async (model, real) => {
    const last = model.store.log.length - 1;
    const from = range.from === undefined ? undefined : BigInt(Math.min(model.firstPlace + range.from, last));
    const expected = readAll(model.store, { ...range, from });
    expect(await real.node.readAll({ ...range, from })).toEqual(expected.map(real.node.expectation));
  }),
);
