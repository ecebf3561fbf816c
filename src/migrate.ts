import { parseArgs } from "node:util";
import { migrate } from "./platform/migrations.ts";

const usage =
  "Usage: npm run migrate -- up|down [count]   with DATABASE_URL set. Without it, npm start migrates by itself.";

const { positionals } = parseArgs({ allowPositionals: true });
const [direction, count] = positionals;
const url = process.env["DATABASE_URL"];
const print = (line: string) => process.stdout.write(`${line}\n`);

if (url === undefined || (direction !== "up" && direction !== "down") || !/^([1-9]\d*)?$/.test(count ?? "")) {
  process.stderr.write(`${usage}\n`);
  process.exitCode = 2;
} else {
  const names = await migrate(url, { direction, ...(count === undefined ? {} : { count: Number(count) }), log: print });
  print(`${names.length} migration(s) ${direction === "up" ? "applied" : "taken back"}`);
}
