import fc from "fast-check";
import { expect, test } from "vitest";
import { Slug, slugOf } from "../../src/domain/tenancy/slugClaim.ts";

test.each([
  ["Wonderland", "wonderland"],
  ["Café №1", "cafe-no1"],
  ["  Alice's   Workspace! ", "alice-s-workspace"],
  ["İstanbul", "istanbul"],
  ["Łódź 2", "odz-2"],
  ["ﬁrst", "first"],
  ["日本語", "fallback"],
  ["🎩", "fallback"],
  ["---", "fallback"],
  ["\ud83d", "fallback"],
  [`${"a".repeat(47)} b`, "a".repeat(47)],
  ["a".repeat(100), "a".repeat(48)],
])("WS-02: %s becomes %s", (name, slug) => expect(slugOf(name, "fallback")).toBe(slug));

test("WS-02: any name gives a slug, with room left for a suffix", () =>
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.string({ unit: "grapheme" })), (name) => {
      const slug = slugOf(name, "fallback");
      expect(Slug.safeParse(slug).success).toBe(true);
      expect(Slug.safeParse(`${slug}-${"f".repeat(36)}`).success).toBe(true);
    }),
    { numRuns: 1000 },
  ));

test("WS-02: a slug is its own slug", () =>
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (name) => {
      const slug = slugOf(name, "fallback");
      expect(slugOf(slug, "other")).toBe(slug);
    }),
    { numRuns: 300 },
  ));
