import { join } from "node:path";
import { applyLoad } from "./load/load.ts";
import { reconcile } from "./reconciliation.ts";
import { openWallets } from "./servers/contender.ts";
import { startSignedUp } from "./servers/everfold.ts";
import { startEverfold } from "./servers/everfoldProcess.ts";
import { median, table, whole } from "./table.ts";

const STARTS = 3;
const STORED_EVENTS = 200_000;
/** Ledgers of 10,000 events, written by enough callers at once to be filled in a minute or two. */
const WALLETS = 20;
const CONNECTIONS = 256;
const FILL_MAX_MS = 600_000;

/** From `npm start` to the first `GET /ready` that says yes, with both backends embedded. */
export const measureStarts = async (directory: string, write: (text: string) => void): Promise<void> => {
  write("\nStarts\n");
  const folders = Array.from({ length: STARTS }, (_, index) => join(directory, `first-${index}`));
  const first = await inTurn(folders.map((folder) => () => startAndStop(folder)));
  const kept = folders[0] ?? directory;
  const later = await inTurn(folders.map(() => () => startAndStop(kept)));
  await fill(kept, write);
  const filled = await inTurn(folders.map(() => () => startAndStop(kept)));

  const row = (name: string, times: readonly number[], goalMs: number) => {
    const middle = median(times);
    return [name, whole(middle), times.map(whole).join(" "), whole(goalMs), middle <= goalMs ? "reached" : "MISSED"];
  };
  write(
    `${table(
      ["npm start to ready", "median ms", "each", "goal ms", ""],
      [
        row("first", first, 10_000),
        row("later", later, 4_000),
        row(`later, ${whole(STORED_EVENTS)} events stored`, filled, 4_000),
      ],
    )}\n`,
  );
};

const inTurn = async (works: readonly (() => Promise<number>)[]): Promise<number[]> => {
  const results: number[] = [];
  for (const work of works) results.push(await work());
  return results;
};

const startAndStop = async (directory: string): Promise<number> => {
  const { readyAfterMs, stop } = await startEverfold("npm", directory);
  await stop();
  return readyAfterMs;
};

/** Debits over HTTP, as any others; every wallet is read up to date before the stop. */
const fill = async (directory: string, write: (text: string) => void): Promise<void> => {
  const everfold = await startSignedUp(directory);
  try {
    const wallets = await openWallets(everfold, WALLETS);
    const { acknowledged, faults } = await applyLoad({
      servers: [everfold],
      wallets,
      request: "debit",
      connections: CONNECTIONS,
      warmUpMs: 0,
      measuredMs: FILL_MAX_MS,
      requestsMax: STORED_EVENTS,
    });
    const stored = acknowledged.reduce((sum, debits) => sum + debits, 0);
    const { differences } = await reconcile(everfold, wallets, acknowledged);
    const wrong = [...faults, ...differences, ...(stored < STORED_EVENTS ? [`only ${stored} events were stored`] : [])];
    if (wrong.length > 0) throw new Error(wrong.join("\n"));
    write(`  ${whole(stored)} debits stored and projected\n`);
  } finally {
    await everfold.stop();
  }
};
