import { readFileSync } from "node:fs";

/** What counts of vitest's JSON report: a file that could not be run has no tests to count, and failed. */
type TestReport = {
  numPassedTests: number;
  numFailedTests: number;
  testResults: readonly { status: string; assertionResults: readonly { status: string }[] }[];
};

export const testCount = ({ numPassedTests, numFailedTests, testResults }: TestReport): string => {
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && assertionResults.every((assertion) => assertion.status !== "failed"),
  );
  return `${numPassedTests} passed, ${numFailedTests + brokenFiles.length} failed`;
};

const readReport = (file: string): TestReport | undefined => {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    process.stderr.write(`there is no report of the tests: ${error}\n`);
    return undefined;
  }
};

if (import.meta.main) {
  const report = readReport(process.argv[2] ?? "");
  process.stdout.write(`${report === undefined ? "0 passed, 1 failed" : testCount(report)}\n`);
  if (report === undefined) process.exitCode = 1;
}
