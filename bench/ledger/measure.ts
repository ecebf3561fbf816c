import { figureTable, type Report } from "../figure.ts";
import { measureBulk } from "./bulk.ts";
import { compareDebits, scenarios } from "./debits.ts";
import { measureLag } from "./lag.ts";
import { compareLengths } from "./length.ts";
import { measureMemory } from "./memory.ts";
import { compareProcesses } from "./processes.ts";
import { cpuProfiling } from "./profiling.ts";
import { measureReads } from "./reads.ts";
import { measureRebuild } from "./rebuild.ts";
import { openStage, type Pace, type Stage } from "./stage.ts";
import { startDatabaseServer, statementReport } from "./statements.ts";
import { compareTails } from "./tail.ts";

/** In the order in which they run: what a later row builds on stands before it. */
const rows: Readonly<Record<string, (stage: Stage) => Promise<Report>>> = {
  hot: compareDebits(scenarios.hot),
  wallets: compareDebits(scenarios.wallets),
  tail: compareTails,
  bulk: measureBulk,
  reads: measureReads,
  lag: measureLag,
  processes: compareProcesses,
  rebuild: measureRebuild,
  length: compareLengths,
  memory: measureMemory,
};
export const ledgerRows: readonly string[] = Object.keys(rows);

const full: Pace = { rounds: 3, warmUpMs: 2_000, measuredMs: 8_000, share: 1 };
/** To see that everything runs and reconciles. */
const quick: Pace = { rounds: 1, warmUpMs: 300, measuredMs: 1_000, share: 0.02 };

type Options = {
  directory: string;
  write: (text: string) => void;
  isQuick: boolean;
  /** A folder for CPU profiles of Everfold, where they are wanted. */
  profiles: string | undefined;
};

/** Errors: `NotReconciled`, and then not one figure is shown. */
export const measureLedger = async (chosen: readonly string[], options: Options): Promise<void> => {
  const { directory, write, isQuick } = options;
  const profiling = options.profiles === undefined ? undefined : cpuProfiling(options.profiles);
  const begun = performance.now();
  const reports: Report[] = [];
  let statements = "";
  const progress = (line: string) => write(`  ${Math.round((performance.now() - begun) / 1_000)} s  ${line}\n`);
  write("\nLedger\n");
  {
    await using stack = new AsyncDisposableStack();
    const postgres = await startDatabaseServer(directory, profiling !== undefined);
    stack.defer(() => postgres.stop());
    const pace = isQuick ? quick : full;
    const stage = await openStage({ directory, postgresUrl: postgres.url, pace, progress, profiling }, stack);
    for (const [name, measure] of Object.entries(rows)) if (chosen.includes(name)) reports.push(await measure(stage));
    if (profiling) statements = await statementReport(postgres.url);
  }
  for (const { detail } of reports) write(`\n${detail}\n`);
  if (profiling) write(`\nWhere the time of a debit goes\n\n${await profiling.report()}\n\n${statements}\n`);
  write(`\n${figureTable(reports.flatMap(({ figures }) => figures))}\n`);
  write("reconciled: credits paid in = debits acknowledged + balance left, in every wallet of every side, each turn\n");
  if (isQuick) write("QUICK: everything ran and was reconciled, but these figures are not to be kept\n");
  if (profiling) write("PROFILED: Everfold was slowed down by it; these figures are not to be kept\n");
};
