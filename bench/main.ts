import { mkdtemp, rm, statfs } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { measureEventStore, soakEventStore } from "./eventstore/measure.ts";
import { measureHttp } from "./http/measure.ts";
import { ledgerRows, measureLedger } from "./ledger/measure.ts";
import { NotReconciled } from "./reconciliation.ts";
import { measureStarts } from "./startup.ts";

/** All but the soak run when nothing is named. */
const regular = ["ledger", "http", "startup", "eventstore"];
const names = [...regular, "soak", ...ledgerRows];

const usage = `Usage: npm run bench [-- what… [--quick] [--profile folder]]
  what       ${regular.join(", ")} (all of these unless told), soak;
             or rows of the ledger's table: ${ledgerRows.join(", ")}
  --quick    the rows of ledger and http for seconds: shows that they run and reconcile, not how fast anything is
  --profile  CPU profiles of Everfold under the ledger's rows into an empty folder, and where a debit's time goes
`;

/** `TMPFS_MAGIC` of linux/magic.h: a folder in memory, where making something durable costs nothing. */
const IN_MEMORY = 0x01021994;

/** More than this and something else wants the cores as well. */
const IDLE_LOAD_MAX = 0.5;

const write = (text: string): void => {
  process.stdout.write(text);
};

type Asked = { wanted: readonly string[]; isQuick: boolean; profiles: string | undefined };

/** Undefined when it makes no sense. */
const asked = (): Asked | undefined => {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { quick: { type: "boolean", default: false }, profile: { type: "string" } },
    });
    if (positionals.some((name) => !names.includes(name))) return undefined;
    const profiles = values.profile === undefined ? undefined : resolve(values.profile);
    return { wanted: positionals.length === 0 ? regular : positionals, isQuick: values.quick, profiles };
  } catch {
    return undefined;
  }
};

const run = async ({ wanted, isQuick, profiles }: Asked): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-bench-"));
  // On the way out everything that was started is told to end; until it has, its files stay.
  for (const signal of ["SIGINT", "SIGTERM"])
    process.once(signal, () => {
      write(`\nInterrupted; ${directory} can be removed.\n`);
      process.exit(130);
    });
  try {
    if ((await statfs(directory)).type === IN_MEMORY)
      throw new Error(`${directory} is in memory, where no commit is durable: set TMPDIR to a folder on a disk`);
    writeMachine();
    const named = ledgerRows.filter((row) => wanted.includes(row));
    const rows = named.length === 0 && wanted.includes("ledger") ? ledgerRows : named;
    if (rows.length > 0) await measureLedger(rows, { directory, write, isQuick, profiles });
    if (wanted.includes("http")) await measureHttp({ directory: join(directory, "http"), write, isQuick });
    if (wanted.includes("startup")) await measureStarts(join(directory, "startup"), write);
    if (wanted.includes("eventstore")) await measureEventStore(join(directory, "eventstore"), write);
    if (wanted.includes("soak")) await soakEventStore(join(directory, "soak"), write);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

const writeMachine = (): void => {
  const [busy = 0] = loadavg();
  const warning = busy > IDLE_LOAD_MAX ? " (NOT IDLE: these figures are not to be kept)" : "";
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model}), Node ${process.version}`;
  write(`${new Date().toISOString()}, ${machine}, load before: ${busy.toFixed(2)}${warning}\n`);
};

const request = asked();
if (request === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
try {
  await run(request);
} catch (error) {
  if (!(error instanceof NotReconciled)) throw error;
  write(`\nTHE FIGURES ARE THROWN AWAY: what was acknowledged and what is stored differ.\n${error.message}\n`);
  process.exitCode = 1;
}
