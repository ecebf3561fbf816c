import { execFileSync } from "node:child_process";

/** Resident memory of another process, in MiB. */
export const residentMiB = (pid: number): number =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1_024;
