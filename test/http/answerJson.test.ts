import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { answerJson } from "../../src/http/answerJson.ts";

const Line = z.object({
  id: z.uuid(),
  note: z.string().nullable(),
  amount: z.int(),
  tag: z.enum(["a", "b"]).optional(),
});
const Outcome = z.discriminatedUnion("status", [
  z.object({ status: z.enum(["written", "repeated"]), line: Line }),
  z.object({ status: z.literal("refused"), details: z.record(z.string(), z.unknown()) }),
]);
const Answer = z.object({ success: z.literal(true), data: z.array(Outcome), isLast: z.boolean(), error: z.null() });

/** With fields that the schema has, and sometimes with one that it has not. */
const withSecret = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc
    .tuple(fc.record(fields), fc.constantFrom({}, {}, {}, { secret: "s" }))
    .map(([known, more]) => ({ ...known, ...more }));
const tag = fc.constantFrom({}, { tag: "a" }, { tag: undefined });
const line = withSecret({
  id: fc.uuid({ version: [4, 7] }),
  note: fc.option(fc.string({ unit: "binary" })),
  amount: fc.maxSafeInteger(),
});
const outcome = fc.oneof(
  fc.tuple(fc.constantFrom("written", "repeated"), line, tag).map(([status, fields, more]) => ({
    status,
    line: { ...fields, ...more },
  })),
  withSecret({ status: fc.constant("refused"), details: fc.dictionary(fc.stringMatching(/^\w*$/), fc.jsonValue()) }),
);
const answer = withSecret({
  success: fc.constant(true),
  data: fc.array(outcome, { maxLength: 4 }),
  isLast: fc.boolean(),
  error: fc.constant(null),
});

describe("the JSON of an answer", () => {
  const json = answerJson(Answer);

  it("is what its schema describes, and no field more", () => {
    fc.assert(
      fc.property(answer, (given) => {
        expect(JSON.parse(json(given))).toEqual(JSON.parse(JSON.stringify(Answer.parse(given))));
      }),
      { numRuns: 300 },
    );
  });

  it("is refused where a value is missing or of another kind", () => {
    const right = { success: true, data: [], isLast: false, error: null };
    const written = { status: "written", line: { id: "x", note: null, amount: 1 } };
    const wrong: unknown[] = [
      null,
      "text",
      { ...right, success: false },
      { ...right, error: undefined },
      { ...right, isLast: "no" },
      { ...right, data: {} },
      { ...right, data: [null] },
      { ...right, data: [{ status: "unknown" }] },
      { ...right, data: [{ status: "written" }] },
      { ...right, data: [{ ...written, line: { ...written.line, note: undefined } }] },
      { ...right, data: [{ ...written, line: { ...written.line, amount: Number.NaN } }] },
      { ...right, data: [{ ...written, line: { ...written.line, amount: "1" } }] },
      { ...right, data: [{ ...written, line: { ...written.line, tag: "c" } }] },
    ];
    expect(json({ ...right, data: [written] })).toContain("written");
    for (const each of wrong) expect(() => json(each)).toThrow();
  });

  it("is left to the schema where that says more than a kind", () => {
    const Position = z.codec(z.string(), z.bigint(), { decode: BigInt, encode: String });
    expect(answerJson(z.object({ at: Position }))({ at: 5n })).toBe('{"at":"5"}');
    expect(answerJson(z.looseObject({ a: z.int() }))({ a: 1, b: 2 })).toBe('{"a":1,"b":2}');
    expect(() => answerJson(z.strictObject({ a: z.int() }))({ a: 1, b: 2 })).toThrow();
  });
});
