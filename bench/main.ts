import { mkdtemp, rm, statfs } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../src/embedded/postgres.ts";
import { compareDebits, type Scenario } from "./debits.ts";
import { measureEventStore, soakEventStore } from "./eventstore/measure.ts";
import { NotReconciled } from "./reconciliation.ts";
import { measureStarts } from "./startup.ts";

const scenarios: Readonly<Record<string, Scenario>> = {
  hot: { title: "One hot wallet, 64 connections", wallets: 1, goal: 4 },
  spread: { title: "100 wallets, 64 connections", wallets: 100, goal: 1.3 },
};
const regular = [...Object.keys(scenarios), "startup", "eventstore"];
const names = [...regular, "soak"];

/** `TMPFS_MAGIC` of linux/magic.h: a folder in memory, where making something durable costs nothing. */
const IN_MEMORY = 0x01021994;

/** More than this and something else wants the cores as well. */
const IDLE_LOAD_MAX = 0.5;

const write = (text: string): void => {
  process.stdout.write(text);
};

const run = async (wanted: readonly string[]): Promise<void> => {
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
    write(
      `${new Date().toISOString()}, ${availableParallelism()} cores (${cpus()[0]?.model}), Node ${process.version}, `,
    );
    const [busy = 0] = loadavg();
    write(
      `load before: ${busy.toFixed(2)}${busy > IDLE_LOAD_MAX ? " (NOT IDLE: these figures are not to be kept)" : ""}\n`,
    );
    const chosen = wanted.flatMap((name) => scenarios[name] ?? []);
    if (chosen.length > 0) await debits(chosen, directory);
    if (wanted.includes("startup")) await measureStarts(join(directory, "startup"), write);
    if (wanted.includes("eventstore")) await measureEventStore(join(directory, "eventstore"), write);
    if (wanted.includes("soak")) await soakEventStore(join(directory, "soak"), write);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

const debits = async (chosen: readonly Scenario[], directory: string): Promise<void> => {
  const postgres = await startPostgres({ directory: join(directory, "postgres") });
  try {
    await compareDebits(chosen, { postgresUrl: postgres.url, directory: join(directory, "everfold"), write });
  } finally {
    await postgres.stop();
  }
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`There is no benchmark ${unknown.join(", ")}: choose among ${names.join(", ")}\n`);
  process.exit(2);
}
try {
  await run(asked.length === 0 ? regular : asked);
} catch (error) {
  if (!(error instanceof NotReconciled)) throw error;
  write(`\nTHE FIGURES ARE THROWN AWAY: what was acknowledged and what is stored differ.\n${error.message}\n`);
  process.exitCode = 1;
}
