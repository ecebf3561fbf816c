import { describe, expect, test } from "vitest";
import { isCheckpointDue } from "../../../../src/embedded/eventstore/persistent/checkpoints.ts";
import { createLowWaterMark } from "../../../../src/embedded/eventstore/persistent/lowWaterMark.ts";
import { placeFromText, placeText } from "../../../../src/embedded/eventstore/persistent/place.ts";

const cadence = { minCheckpointCount: 10, maxCheckpointCount: 1_000, checkpointAfterMs: 2_000 };

describe("a checkpoint", () => {
  test("is due at once after the greatest number of events", () => {
    expect(isCheckpointDue(1_000, 0, false, cadence)).toBe(true);
    expect(isCheckpointDue(999, 9_999, false, cadence)).toBe(false);
  });

  test("is due when its time has come and enough events have been handled", () => {
    expect(isCheckpointDue(10, 2_000, true, cadence)).toBe(true);
    expect(isCheckpointDue(9, 9_999, true, cadence)).toBe(false);
    expect(isCheckpointDue(999, 1_999, true, cadence)).toBe(false);
  });

  test("is never due by time when no time is given", () => {
    expect(isCheckpointDue(999, 9_999, true, { ...cadence, checkpointAfterMs: 0 })).toBe(false);
  });

  test("is never due without progress, whatever the bounds are", () => {
    const eager = { minCheckpointCount: 0, maxCheckpointCount: 0, checkpointAfterMs: 1 };
    expect(isCheckpointDue(0, 9_999, true, eager)).toBe(false);
    expect(isCheckpointDue(1, 0, false, eager)).toBe(true);
  });

  test("names a revision of a stream, and a position of all streams twice", () => {
    expect(placeText("order-1", 7)).toBe("7");
    expect(placeText("$all", 7)).toBe("C:7/P:7");
    expect(placeFromText("$all", "C:7/P:7")).toBe(7);
    expect(placeFromText("order-1", "C:7/P:7")).toBeUndefined();
    expect(placeFromText("order-1", "nonsense")).toBeUndefined();
  });
});

describe("the mark up to which all is handled", () => {
  test("stops below the lowest event that is not, and counts those that nobody wants", () => {
    const low = createLowWaterMark(4);
    expect(low.mark).toEqual({ sequence: 4, count: 0 });
    low.passed(5);
    low.began(6);
    low.began(9);
    low.passed(10);
    expect(low.mark).toEqual({ sequence: 5, count: 1 });
    low.handled(9);
    expect(low.mark).toEqual({ sequence: 5, count: 1 });
    low.handled(6);
    expect(low.mark).toEqual({ sequence: 10, count: 4 });
  });
});
