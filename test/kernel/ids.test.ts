import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { derivedId, idAt, revisionIn } from "../../src/kernel/ids.ts";

const revision = fc.bigInt({ min: 0n, max: 2n ** 48n - 1n });
const parts = fc.array(fc.oneof(fc.string(), fc.integer()));

describe("an id at a revision", () => {
  test("is a UUID of RFC 9562, version 8, that begins with the revision and gives it back", () =>
    fc.assert(
      fc.property(revision, parts, (at, of) => {
        const id = idAt(at, ...of);
        expect(z.uuid().safeParse(id).success).toBe(true);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(revisionIn(id)).toBe(at);
        expect(revisionIn(id.toUpperCase())).toBe(at);
      }),
      { numRuns: 500 },
    ));

  test("is the same in every process and every year", () =>
    expect(idAt(258n, "ledger", "command", 0)).toBe("00000000-0102-82ce-a168-b3590f7e0583"));

  test("differs where the revision or a part differs", () =>
    fc.assert(
      fc.property(revision, revision, fc.uuid(), fc.uuid(), (at, other, one, another) => {
        expect(idAt(at, one) === idAt(other, another)).toBe(at === other && one === another);
      }),
      { numRuns: 500 },
    ));

  test("ids of one ledger are in its order", () =>
    fc.assert(
      fc.property(revision, revision, parts, (one, other, of) => {
        expect(idAt(one, ...of) < idAt(other, ...of)).toBe(one < other);
      }),
      { numRuns: 500 },
    ));

  test("there is none for a revision no stream has", () => {
    expect(() => idAt(-1n, "part")).toThrow(RangeError);
    expect(() => idAt(2n ** 48n, "part")).toThrow(RangeError);
  });
});

test("what is no id of this kind tells no revision", () => {
  const others = ["", "revision", "123", "00000000-0102-4444-ba34-9f27bebb7837", `${derivedId("part")} `];
  expect(others.map(revisionIn)).toEqual(others.map(() => undefined));
});
