import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { billingCycle } from "../../src/domain/credits/billingCycle.ts";

describe("BILL-01: the cycle around now is a month of the ledger's own", () => {
  test.each([
    ["the first", "2026-01-15T10:00:00.000Z", "2026-01-15T10:00:00.000Z", "2026-01-15", "2026-02-15"],
    ["up to its last moment", "2026-01-15T10:00:00.000Z", "2026-02-15T09:59:59.999Z", "2026-01-15", "2026-02-15"],
    ["the next", "2026-01-15T10:00:00.000Z", "2026-02-15T10:00:00.000Z", "2026-02-15", "2026-03-15"],
    [
      "opened on a 31st, in February",
      "2026-01-31T10:00:00.000Z",
      "2026-03-01T00:00:00.000Z",
      "2026-02-28",
      "2026-03-31",
    ],
    ["opened on a 31st, in April", "2026-01-31T10:00:00.000Z", "2026-04-30T12:00:00.000Z", "2026-04-30", "2026-05-31"],
    ["opened on a 30th", "2025-11-30T10:00:00.000Z", "2026-02-28T09:00:00.000Z", "2026-01-30", "2026-02-28"],
    ["opened on a 29th, leap year", "2023-12-29T10:00:00.000Z", "2024-03-01T00:00:00.000Z", "2024-02-29", "2024-03-29"],
    [
      "opened on a leap day, a year later",
      "2024-02-29T10:00:00.000Z",
      "2025-02-28T10:00:00.000Z",
      "2025-02-28",
      "2025-03-29",
    ],
    ["over the new year", "2025-12-31T10:00:00.000Z", "2026-01-02T00:00:00.000Z", "2025-12-31", "2026-01-31"],
  ])("%s", (_, openedAt, now, start, end) =>
    expect(billingCycle(openedAt, now)).toEqual({ start: `${start}T10:00:00.000Z`, end: `${end}T10:00:00.000Z` }),
  );
});

const moment = fc
  .date({ min: new Date("1970-01-01T00:00:00Z"), max: new Date("2199-12-31T23:59:59Z"), noInvalidDate: true })
  .map((date) => date.toISOString());
const holds = (property: (openedAt: string, now: string) => void) =>
  fc.assert(fc.property(moment, moment, property), { numRuns: 1000 });

test("BILL-01: the cycle contains now", () =>
  holds((openedAt, now) => {
    const { start, end } = billingCycle(openedAt, now);
    expect(start <= now && now < end).toBe(true);
  }));

test("BILL-01: cycles follow each other without gap or overlap", () =>
  holds((openedAt, now) => {
    const { start, end } = billingCycle(openedAt, now);
    expect(billingCycle(openedAt, end).start).toBe(end);
    expect(billingCycle(openedAt, new Date(Date.parse(start) - 1).toISOString()).end).toBe(start);
  }));

test("BILL-01: a cycle starts at the opening's hour, on its day or on the last of a shorter month", () =>
  holds((openedAt, now) => {
    const { start } = billingCycle(openedAt, now);
    expect(start.slice(10)).toBe(openedAt.slice(10));
    const [year = 0, month = 0, day = 0] = start.slice(0, 10).split("-").map(Number);
    const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
    expect(day).toBe(Math.min(Number(openedAt.slice(8, 10)), daysInMonth));
  }));

test("BILL-01: every moment of a cycle has the same one", () =>
  holds((openedAt, now) => {
    const cycle = billingCycle(openedAt, now);
    expect(billingCycle(openedAt, cycle.start)).toEqual(cycle);
    expect(billingCycle(openedAt, new Date(Date.parse(cycle.end) - 1).toISOString())).toEqual(cycle);
  }));
