import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSparingReport } from "../../../src/embedded/eventstore/sparingReport.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

test("a line is said at once, and not again within a second, however often it is repeated", () => {
  const said: string[] = [];
  const report = createSparingReport((line) => said.push(line));
  for (const line of ["The disk is full.", "The disk is full.", "Somebody was refused.", "The disk is full."])
    report(line);
  expect(said).toEqual(["The disk is full.", "Somebody was refused."]);
  vi.advanceTimersByTime(1_000);
  report("The disk is full.");
  expect(said.at(-1)).toBe("The disk is full. (and 2 times before)");
});
