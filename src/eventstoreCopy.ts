import { joinEventStore } from "./backends.ts";
import { environment, readConfig } from "./config.ts";
import { creditLedger } from "./domain/credits/creditLedger.ts";
import { type CopyCommand, runCopy } from "./eventstore/copy/commandLine.ts";
import { createLog } from "./platform/log.ts";

/** The event store that `npm start` would use, embedded or not. */
const configured = (stack: AsyncDisposableStack): Promise<string> =>
  joinEventStore(readConfig(environment()), createLog("error"), stack);

/** A ledger's chain begins with the id of its workspace. */
const ledgerPrefix = `${creditLedger.category}-`;
const ledgerOf = (stream: string): string | undefined =>
  stream.startsWith(ledgerPrefix) ? stream.slice(ledgerPrefix.length) : undefined;

/** Runs one of the two command lines that copy a whole event store, and ends the process. */
export const copyEventStore = async (command: Pick<CopyCommand, "usage" | "unnamed">): Promise<never> => {
  const stopping = new AbortController();
  for (const order of ["SIGINT", "SIGTERM"]) process.once(order, () => stopping.abort());
  const args = process.argv.slice(2);
  // A copy that was told to stop may still wait for an answer: nobody waits for the copy any more.
  process.exit(await runCopy({ ...command, args, configured, ledgerOf, signal: stopping.signal }));
};
