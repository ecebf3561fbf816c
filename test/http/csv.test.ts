import fc from "fast-check";
import { expect, test } from "vitest";
import { csv } from "../../src/http/csv.ts";

const format = csv<{ text: string | null; count: number }>({ text: ({ text }) => text, count: ({ count }) => count });
/** The first field of a row, as a reader of RFC 4180 takes it. */
const fieldIn = (row: string): string => /^"((?:[^"]|"")*)",/.exec(row)?.[1]?.replaceAll('""', '"') ?? "no field";

test("the names of the columns come first, and every text is quoted", () => {
  expect(format.head).toBe('"text","count"\r\n');
  expect(format.spell({ text: 'He said "no", twice\n', count: -2 })).toBe('"He said ""no"", twice\n",-2\r\n');
  expect(format.spell({ text: null, count: 0 })).toBe('"",0\r\n');
});

test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "\uff1d1+1"])(
  "AUD-05: %j is no formula in a spreadsheet",
  (text) => expect(fieldIn(format.spell({ text, count: 1 }))).toBe(`'${text}`),
);

test("AUD-05: whatever text there is stays readable, and no formula", () =>
  fc.assert(
    fc.property(fc.string(), (text) => {
      const field = fieldIn(format.spell({ text, count: 1 }));
      expect([text, `'${text}`]).toContain(field);
      expect(field).not.toMatch(/^\s*[=+\-@]/);
    }),
    { numRuns: 500 },
  ));
