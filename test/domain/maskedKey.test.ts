import fc from "fast-check";
import { expect, test } from "vitest";
import { maskedKey } from "../../src/domain/credentials/credential.ts";

test.each([
  ["sk-proj-abcd1234", "****1234"],
  ["12345", "****2345"],
  ["1234", "****"],
  ["1", "****"],
  ["****", "****"],
  ["", "****"],
  ["key-🔑🗝️", "****-🔑🗝️"],
  ["🔑🔑🔑🔑", "****"],
])("CRED-06: %s is shown as %s", (key, shown) => expect(maskedKey(key)).toBe(shown));

/** Characters are code points: half of a surrogate pair is not one. */
const key = fc.string({
  unit: fc.oneof(fc.constantFrom("🔑", "𝔸", "é", "*"), fc.string({ unit: "binary", minLength: 1, maxLength: 1 })),
});

test("CRED-06: at most the last four characters are shown, and nothing else, not even how many there are", () =>
  fc.assert(
    fc.property(key, (secret) => {
      const characters = Array.from(secret);
      const tail = characters.length > 4 ? characters.slice(-4) : [];
      expect(maskedKey(secret)).toBe(`****${tail.join("")}`);
    }),
    { numRuns: 300 },
  ));

test("CRED-06: keys with the same end look the same", () =>
  fc.assert(
    fc.property(key, key, (one, other) => {
      expect(maskedKey(`${one}-abcd`)).toBe(maskedKey(`${other}-abcd`));
    }),
    { numRuns: 300 },
  ));
