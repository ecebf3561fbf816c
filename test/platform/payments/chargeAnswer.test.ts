import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAnswer } from "../../../src/platform/payments/chargeAnswer.ts";

const now = Date.UTC(2026, 0, 1);

describe("an endpoint's answer", () => {
  it.each([
    ["7", 7_000],
    ["0", 0],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
    ["Wed, 31 Dec 2025 23:59:00 GMT", 0],
    ["soon", 0],
    [undefined, 0],
  ])("asks with Retry-After %s for a pause of %d ms", (retryAfter, retryAfterMs) => {
    expect(readAnswer({ status: 503, retryAfter }, now)).toMatchObject({ outcome: "unknown", retryAfterMs });
  });

  it("is a payment or a decline only where it says so, whatever else it is", () => {
    const bodies = fc.oneof(fc.string(), fc.json(), fc.constant(undefined));
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), bodies, (status, body) => {
        const answer = readAnswer({ status, ...(body === undefined ? {} : { body }) }, now);
        expect(["unknown", "refused"]).toContain(answer.outcome);
      }),
      { numRuns: 500 },
    );
  });

  it("gives reasons that can be kept: one line, well-formed, of at most 200 characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 600 }), fc.constantFrom("\ud800", "\0", "💳"), (text, odd) => {
        const body = JSON.stringify({ outcome: "declined", reason: text + odd.repeat(201) });
        const answer = readAnswer({ status: 200, body }, now);
        const reason = answer.outcome === "declined" ? answer.reason : "";
        expect(reason).toMatch(/^[^\p{C}]+$/u);
        expect(reason.isWellFormed()).toBe(true);
        expect([...reason].length).toBeLessThanOrEqual(200);
      }),
    );
  });
});
