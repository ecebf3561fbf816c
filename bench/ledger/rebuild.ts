import { spawn } from "node:child_process";
import { once } from "node:events";
import pg from "pg";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { ledgerSeal } from "../../src/domain/credits/ledgerSeal.ts";
import { projections } from "../../src/projections/all.ts";
import type { Report } from "../figure.ts";
import { environmentOf, root } from "../servers/everfoldProcess.ts";
import { table, tenths, whole } from "../table.ts";
import { filledWallet, openArchive } from "./archive.ts";
import { type Stage, throwIfAny, verify } from "./stage.ts";

const GOAL_PER_SECOND = 20_000;
const EVENTS = 300_000;

const sources = [creditLedger.category, ledgerSeal.category];
const ledgerProjections = projections.filter(({ of }) => of.some(({ category }) => sources.includes(category)));
const ledgerTables = ledgerProjections.flatMap(({ tables }) => tables.map(({ name }) => name));

/** `npm run rebuild` of what is folded from ledgers, beside the Everfold that serves it: it must make the same rows. */
export const measureRebuild = async (stage: Stage): Promise<Report> => {
  await using stack = new AsyncDisposableStack();
  const archive = await openArchive(stage, "rebuilt", stack);
  const debits = Math.round(EVENTS * stage.pace.share);
  stage.progress(`rebuild: ${whole(debits)} debits are stored and projected first`);
  await verify(await filledWallet(stage, archive, debits));
  const { connection } = await stage.database("rebuilt");

  const before = await digests(connection);
  const exchanges = await exchangesOf(connection);
  const events = await eventsOf(connection);
  const names = ledgerProjections.map(({ name }) => name);
  stage.progress(`rebuild: ${names.join(", ")}`);
  const seconds = await timedRebuild(archive.everfold.directory, archive.databaseUrl, names);
  const after = await digests(connection);
  throwIfAny([
    ...ledgerTables
      .filter((name) => before.get(name)?.digest !== after.get(name)?.digest)
      .map((name) => `read_model.${name} has other rows after its rebuild than before`),
    ...((await exchangesOf(connection)) === exchanges + names.length ? [] : ["not all rows were exchanged once"]),
  ]);
  const rate = events / seconds;
  const rows = [...after].map(([name, { rows }]) => [name, whole(rows)]);
  return {
    detail: `rebuild of ${names.join(", ")}: ${whole(events)} events in ${tenths(seconds)} s
${table(["the same rows as before", "rows"], rows)}`,
    figures: [
      {
        title: `rebuild of all ledger read models (${names.length}) from ${whole(events)} events: events/s`,
        figure: whole(rate),
        goal: `≥ ${whole(GOAL_PER_SECOND)}`,
        isReached: rate >= GOAL_PER_SECOND,
      },
    ],
  };
};

type Digest = { rows: number; digest: string };

/** Of all rows of each table, in whatever order they lie. */
const digests = async (connection: pg.Client): Promise<ReadonlyMap<string, Digest>> => {
  const found = new Map<string, Digest>();
  for (const name of ledgerTables) {
    const table = `read_model.${pg.escapeIdentifier(name)}`;
    const { rows } = await connection.query<{ rows: string; digest: string }>(
      `select count(*) as rows, coalesce(sum(hashtextextended(t::text, 0)), 0)::text as digest from ${table} t`,
    );
    found.set(name, { rows: Number(rows[0]?.rows), digest: rows[0]?.digest ?? "" });
  }
  return found;
};

/** How often rows were exchanged for rebuilt ones. */
const exchangesOf = async (connection: pg.Client): Promise<number> => {
  const { rows } = await connection.query<{ exchanges: string }>(
    "select sum(generation) as exchanges from runtime.checkpoints",
  );
  return Number(rows[0]?.exchanges);
};

/** What the read models of ledgers have gone through: revisions begin at 0. */
const eventsOf = async (connection: pg.Client): Promise<number> => {
  const { rows } = await connection.query<{ events: string }>(
    "select sum(revision + 1) as events from read_model.billing",
  );
  return Number(rows[0]?.events);
};

/** From the command as it is typed to its end, in seconds. */
const timedRebuild = async (directory: string, databaseUrl: string, names: readonly string[]): Promise<number> => {
  const begun = performance.now();
  const child = spawn("npm", ["run", "--silent", "rebuild", "--", ...names], {
    cwd: root,
    env: environmentOf(directory, { DATABASE_URL: databaseUrl }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const words: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => words.push(chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`npm run rebuild ended with ${code}: ${Buffer.concat(words)}`);
  return (performance.now() - begun) / 1_000;
};
