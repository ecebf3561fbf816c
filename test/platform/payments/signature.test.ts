import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { signatureOf, verifySignature } from "../../../src/platform/payments/signature.ts";

const secret = "a secret of thirty-two characters";
const now = Date.UTC(2026, 0, 1);
const minutes = 60_000;

const changed = (text: string) =>
  fc
    .tuple(fc.nat(text.length - 1), fc.constantFrom("0", "1", "f", "x", " ", ""))
    .map(([at, by]) => text.slice(0, at) + by + text.slice(at + 1))
    .filter((other) => other !== text);

describe("a signature", () => {
  it("is verified with the same secret, over the same bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ minLength: 32 }), (body, key) => {
        const signature = signatureOf(body, { secret: key, now });
        expect(verifySignature(signature, body, { secret: key, now })).toBe(true);
        expect(verifySignature(signature, Buffer.from(body), { secret: key, now })).toBe(true);
      }),
    );
  });

  it("breaks with any change of the body, of the secret, or of itself", () => {
    const body = JSON.stringify({ rechargeId: "c0ffee", amount: 500 });
    const signature = signatureOf(body, { secret, now });
    const given = fc.oneof(
      changed(body).map((other) => [signature, other, secret] as const),
      changed(secret).map((other) => [signature, body, other] as const),
      changed(signature).map((other) => [other, body, secret] as const),
    );
    fc.assert(
      fc.property(given, ([signed, received, key]) => {
        expect(verifySignature(signed, received, { secret: key, now })).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it("is good for five minutes, on clocks that go differently too", () => {
    const signature = signatureOf("{}", { secret, now });
    const verifiedAt = (at: number) => verifySignature(signature, "{}", { secret, now: at });
    expect([-5, -1, 0, 5].map((late) => verifiedAt(now + late * minutes))).toEqual([true, true, true, true]);
    expect([-6, 6].map((late) => verifiedAt(now + late * minutes))).toEqual([false, false]);
  });

  it("is what openssl makes of the same text and secret", () => {
    expect(signatureOf("{}", { secret, now })).toBe(
      "t=1767225600,v1=314a2f8089d2051514e62c9082cc1517be4c6c353ab0ad85cf400cb676a7e8b1",
    );
  });

  it("is verified by the lines that docs/payments.md gives to receivers", async () => {
    const document = await readFile(join(import.meta.dirname, "../../../docs/payments.md"), "utf8");
    const [, lines = ""] = /```js\n([\s\S]*?)```/.exec(document) ?? [];
    const receiver = `data:text/javascript,${encodeURIComponent(lines)}`;
    const { isFromEverfold } = await import(receiver);
    const body = JSON.stringify({ amount: 500 });
    const header = signatureOf(body, { secret, now: Date.now() });
    expect(isFromEverfold(header, Buffer.from(body), secret)).toBe(true);
    expect(isFromEverfold(header, Buffer.from(`${body} `), secret)).toBe(false);
    expect(isFromEverfold(signatureOf(body, { secret, now }), Buffer.from(body), secret)).toBe(false);
    expect(isFromEverfold(undefined, Buffer.from(body), secret)).toBe(false);
  });
});
