import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { contradictions } from "./concurrentHistory.ts";
import { historyOf, type Kill, type Step, textOf } from "./concurrentWriters.ts";
import { type NodeUnderTest, startNode } from "./nodeUnderTest.ts";

const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.constantFrom("a", "b"),
  expected: fc.oneof(
    { weight: 3, arbitrary: fc.constant("any" as const) },
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom("no_stream" as const, "stream_exists" as const, -1, 1) },
  ),
  events: fc.integer({ min: 1, max: 3 }),
  isDoubled: fc.nat({ max: 4 }).map((n) => n === 4),
  isRepeated: fc.boolean(),
});

const writer = fc.array(step, { minLength: 1, maxLength: 8, size: "max" }).map((steps) => ({
  steps,
  [fc.toStringMethod]: () => `a writer of ${steps.map(textOf).join("; ")}`,
}));

const writers = fc.array(writer, { minLength: 2, maxLength: 6, size: "max" });

const kill: fc.Arbitrary<Kill | undefined> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record(
      { calls: fc.integer({ min: 1, max: 20 }), turns: fc.nat({ max: 6 }) },
      { noNullPrototype: true },
    ),
  },
);

let node: NodeUnderTest | undefined;
let runs = 0;

async function run(writers: readonly { readonly steps: readonly Step[] }[], kill: Kill | undefined): Promise<void> {
  runs += 1;
  const named = writers.map(({ steps }) => steps.map((one) => ({ ...one, stream: `run${runs}-${one.stream}` })));
  const lent = node ?? (await startNode());
  node = undefined;
  try {
    expect(contradictions(await historyOf(lent, named, kill))).toEqual([]);
    node = lent;
  } finally {
    if (node === undefined) await lent.end();
  }
}

afterAll(() => node?.end());

/** Once something is wrong, so many simpler ways to it are tried, each on a store of its own, within so much time. */
const shrinksMax = 80;
const timeout = 600_000;

test("whatever many writers do at once, killed or not, every answer agrees with one order of all", {
  timeout,
}, async () => {
  await fc.assert(fc.asyncProperty(fc.limitShrink(writers, shrinksMax), kill, run), { numRuns: 100 });
});
