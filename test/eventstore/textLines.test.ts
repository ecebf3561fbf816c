import fc from "fast-check";
import { expect, test } from "vitest";
import { linesOf, type TextLine } from "../../src/eventstore/textLines.ts";

/** Its bytes in pieces of a few, so that lines and characters are cut anywhere. */
async function* cut(text: string, bytesMax: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += bytesMax) yield bytes.subarray(start, start + bytesMax);
}

const read = async (text: string, bytesMax: number): Promise<TextLine[]> =>
  Array.fromAsync(linesOf(cut(text, bytesMax)));

test("a line feed ends a line, and nothing else that ends lines elsewhere", async () => {
  const lines = await read("one\u2028still one\u2029\u0085\u000b\u000c\rstill\n\ntwo", 4);
  expect(lines.map(({ text }) => text)).toEqual(["one\u2028still one\u2029\u0085\u000b\u000c\rstill", "", "two"]);
  expect(lines.map(({ isWhole }) => isWhole)).toEqual([true, true, false]);
});

test("however its bytes come, a text is its lines, and each line knows where it ends", async () => {
  const part = fc.constantFrom("\n", "a", "ü", "€", "😀", "\u2028", "");
  const texts = fc.array(part, { maxLength: 40 }).map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 7 }), async (text, bytesMax) => {
      const lines = await read(text, bytesMax);
      expect(lines.map(({ text, isWhole }) => text + (isWhole ? "\n" : "")).join("")).toBe(text);
      expect(lines.every(({ text }) => !text.includes("\n"))).toBe(true);
      expect(lines.map(({ number }) => number)).toEqual(lines.map((_, index) => index + 1));
      const bytes = Buffer.from(text);
      const beginnings = lines.map(({ offset }) => bytes.subarray(0, offset).toString());
      expect(beginnings).toEqual(
        lines.map(
          (_, index) =>
            text
              .split("\n")
              .slice(0, index + 1)
              .join("\n") + (lines[index]?.isWhole ? "\n" : ""),
        ),
      );
    }),
    { numRuns: 200 },
  );
});
