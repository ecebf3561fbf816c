import { expect, test } from "vitest";
import { testCount } from "../../tools/testCount.ts";

test("a file that could not be loaded counts as failed", () => {
  const report = {
    numPassedTests: 3,
    numFailedTests: 1,
    testResults: [
      { status: "passed", assertionResults: [{ status: "passed" }, { status: "passed" }] },
      { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] },
      { status: "failed", assertionResults: [] },
    ],
  };
  expect(testCount(report)).toBe("3 passed, 2 failed");
});
