import { parseArgs } from "node:util";
import { joinBackends } from "./backends.ts";
import { environment, readConfig } from "./config.ts";
import { createLog } from "./platform/log.ts";
import { migrate } from "./platform/migrations.ts";

const usage = `Usage: npm run migrate -- up [count]      all that is pending, or the next count
       npm run migrate -- down [count]    the last one, or the last count
On DATABASE_URL, or without it on the embedded Postgres under DATA_DIR.
`;

const print = (line: string) => process.stdout.write(`${line}\n`);

const run = async (direction: "up" | "down", count: string | undefined): Promise<void> => {
  const config = readConfig(environment());
  await using stack = new AsyncDisposableStack();
  const url = config.DATABASE_URL ?? (await joinBackends(config, createLog("error"), stack)).databaseUrl;
  const names = await migrate(url, { direction, ...(count === undefined ? {} : { count: Number(count) }), log: print });
  print(`${names.length} migration(s) ${direction === "up" ? "applied" : "taken back"}.`);
};

/** What a migration that refuses to run advises. */
const hintIn = (error: unknown): string =>
  error instanceof Error && "hint" in error && typeof error.hint === "string" ? `${error.hint}\n` : "";

const [direction, count] = parseArgs({ allowPositionals: true }).positionals;
if ((direction === "up" || direction === "down") && /^([1-9]\d*)?$/.test(count ?? "")) {
  await run(direction, count).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${hintIn(error)}`);
    process.exitCode = 1;
  });
} else {
  process.stderr.write(usage);
  process.exitCode = 2;
}
