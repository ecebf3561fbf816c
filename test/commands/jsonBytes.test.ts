import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonBytes } from "../../src/commands/jsonBytes.ts";

const names = fc.string({ unit: "binary" });
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    fc.constantFrom(null, true, false, '\u0001\u007f"\\\n', "\u2028é🎩"),
    fc.string({ unit: "binary" }),
    fc.double({ noDefaultInfinity: true, noNaN: true }),
    fc.maxSafeInteger(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(names, tie("value"), { maxKeys: 4 }),
  ),
})).value;

const objectsIn = (value: unknown): number =>
  typeof value === "object" && value !== null
    ? Object.values(value).reduce<number>((sum, each) => sum + objectsIn(each), 1)
    : 0;

test("JSON is never longer than was counted, nor shorter by more than a byte for each list and object", () =>
  fc.assert(
    fc.property(json, (value) => {
      const bytes = Buffer.byteLength(JSON.stringify(value));
      expect(jsonBytes(value)).toBeGreaterThanOrEqual(bytes);
      expect(jsonBytes(value)).toBeLessThanOrEqual(bytes + objectsIn(value));
    }),
    { numRuns: 1_000 },
  ));
