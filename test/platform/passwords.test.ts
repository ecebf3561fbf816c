import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { passwords, TooManyPasswords } from "../../src/platform/passwords.ts";

const { hash, matches } = passwords({ pepper: Buffer.alloc(32, 1), cost: 4 });

describe("passwords", () => {
  it("P1, AUTH-02: match their own hash and no other, whatever bytes they share", async () => {
    const tail = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" });
    const password = fc.tuple(fc.constantFrom("", "a".repeat(72), "é".repeat(36), "pass\0word"), tail);
    await fc.assert(
      fc.asyncProperty(password, tail, async ([head, end], other) => {
        fc.pre(end.normalize("NFKC") !== other.normalize("NFKC"));
        const stored = await hash(`${head}${end}`);
        expect(await matches(`${head}${end}`, stored)).toBe(true);
        expect(await matches(`${head}${other}`, stored)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it("AUTH-02: are kept as bcrypt of the cost set, under the name of the scheme", async () => {
    expect(await hash("correct horse")).toMatch(/^hmac-sha256\+bcrypt\.v1:\$2b\$04\$.{53}$/);
  });

  it("cannot be tried without the pepper", async () => {
    const elsewhere = passwords({ pepper: Buffer.alloc(32, 2), cost: 4 });
    expect(await elsewhere.matches("correct horse", await hash("correct horse"))).toBe(false);
  });

  it("are the same however the keyboard composes their letters", async () => {
    expect(await matches("cafe\u0301", await hash("caf\u00e9"))).toBe(true);
  });

  it("AUTH-06: of nobody, and of an erased account, match nothing", async () => {
    expect([await matches("", undefined), await matches("", ""), await matches("x", undefined)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("are turned away once too many wait, and served again when those are done", async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 80 }, () => matches("x", undefined)));
    const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    expect(refused).toHaveLength(80 - 2 - 64);
    expect(refused[0]).toBeInstanceOf(TooManyPasswords);
    expect(await matches("x", await hash("x"))).toBe(true);
  });
});
