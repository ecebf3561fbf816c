import fc from "fast-check";
import type { ExpectedOfDeletion } from "./nodeUnderTest.ts";
import { type Expectation, type Slot, slots } from "./session.ts";

/** Mostly the first, so that much happens to the same stream. */
export const slot: fc.Arbitrary<Slot> = fc.oneof(
  { weight: 1, arbitrary: fc.constant("a" as const) },
  { weight: 1, arbitrary: fc.constantFrom(...slots) },
);

/** Right more often than not, or little would ever be written. */
export const expectationOfDeletion: fc.Arbitrary<Expectation<ExpectedOfDeletion>> = fc.oneof(
  { weight: 4, arbitrary: fc.constant("any" as const) },
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.constant("no_stream" as const) },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 2 }) },
);

export const expectation: fc.Arbitrary<Expectation> = fc.oneof(
  { weight: 5, arbitrary: expectationOfDeletion },
  { weight: 1, arbitrary: fc.constant("stream_exists" as const) },
);

export const textOf = (expected: Expectation | string): string =>
  typeof expected === "string" ? expected : `last${expected < 0 ? "" : "+"}${expected}`;
