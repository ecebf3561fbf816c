import type pg from "pg";
import { migrate } from "../../src/platform/migrations.ts";
import { openPool, readAsTenant, type Transaction } from "../../src/platform/postgres.ts";
import { tenantContext } from "../../src/platform/tenantContext.ts";
import { membersOf, workspaceById, workspacesOf } from "../../src/projections/workspaces.ts";
import type { Figure, Report } from "../figure.ts";
import type { Stage } from "../ledger/stage.ts";
import { median, table } from "../table.ts";

const ORGANIZATIONS = 1_000;
const WORKSPACES_EACH = 20;
const READS = 2_000;
const ROUNDS = 5;
const EXTRA_MAX = 0.05;

const guardedTables = [
  "organization_memberships",
  "organizations",
  "users",
  "workspace_memberships",
  "workspaces",
] as const;

/** A number as the end of a UUID. */
const id = (kind: number, number: string) =>
  `('00000000-0000-400${kind}-8000-' || lpad((${number})::text, 12, '0'))::uuid`;

const filling = `
  insert into read_model.users
    select ${id(1, "n")}, 'e' || n, 'n', null, 0, 'user', now(), now() from generate_series(1, ${ORGANIZATIONS}) n;
  insert into read_model.organization_memberships
    select ${id(2, "n")}, ${id(1, "n")}, 'admin', 'active', now(), now() from generate_series(1, ${ORGANIZATIONS}) n;
  insert into read_model.workspaces
    select ${id(3, "n")}, ${id(2, `n % ${ORGANIZATIONS} + 1`)}, 'n', n::text, 'ACTIVE', null, null, null,
      ${id(1, `n % ${ORGANIZATIONS} + 1`)}, 'free', now() + n * interval '1 s', now(), null, 0
    from generate_series(1, ${ORGANIZATIONS * WORKSPACES_EACH}) n;
  insert into read_model.workspace_memberships
    select organization_id, id, owner_id, 'owner', now(), now() from read_model.workspaces;
  analyze`;

const [userId, organizationId, workspaceId] = [1, 2, 3].map(
  (kind) => `00000000-0000-400${kind}-8000-${String(kind === 3 ? 1_000 : 1).padStart(12, "0")}`,
) as [string, string, string];
const page = { limit: 20, offset: 0 };

/** As the API asks them. */
const reads: Readonly<Record<string, (read: Transaction) => Promise<unknown>>> = {
  "a page of workspaces": (read) => workspacesOf(read, { userId, organizationId, seesAll: false }, page),
  "one workspace": (read) => workspaceById(read, workspaceId, userId),
  "a page of members": (read) => membersOf(read, workspaceId, page),
};

/** TEN-07: the same statements in the same transaction of the same role, with the tables' policies on and off. */
export const compareRowSecurity = async (stage: Stage): Promise<Report> => {
  const { url, connection } = await stage.database("isolation");
  await migrate(url, { log: () => undefined });
  await connection.query(filling);
  const settings = { role: "everfold_api", max: 1, idleTimeoutMs: 60_000, statementTimeoutMs: 10_000 } as const;
  const pool = openPool({ url, ...settings, onError: () => undefined });
  try {
    const figures: Figure[] = [];
    const rows: string[][] = [];
    for (const [name, read] of Object.entries(reads)) {
      stage.progress(`row-level security: ${name}`);
      const once = () =>
        tenantContext.run({ organizationId, workspaceId, userId }, () => readAsTenant(pool, (within) => read(within)));
      const [on, off] = await alternated(connection, once, Math.max(50, Math.round(READS * stage.pace.share)));
      const extra = median(on.map((ms, round) => ms / (off[round] ?? Number.NaN))) - 1;
      rows.push([name, median(on).toFixed(3), median(off).toFixed(3), percent(extra)]);
      figures.push({
        title: `row-level security: ${name}, more time with it`,
        figure: percent(extra),
        goal: `< ${percent(EXTRA_MAX)}`,
        isReached: extra < EXTRA_MAX,
      });
    }
    const header = ["a whole transaction, median ms", "with", "without", "more"];
    return { detail: `row-level security, ${ORGANIZATIONS} organizations\n${table(header, rows)}`, figures };
  } finally {
    await pool.end();
  }
};

/** Medians of rounds with the policies, and of those without that came right after each. */
const alternated = async (connection: pg.Client, work: () => Promise<unknown>, count: number) => {
  const medians: [on: number[], off: number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [index, word] of (["enable", "disable"] as const).entries()) {
      for (const name of guardedTables)
        await connection.query(`alter table read_model.${name} ${word} row level security`);
      await timed(work, Math.round(count / 4));
      medians[index]?.push(median(await timed(work, count)));
    }
  return medians;
};

const timed = async (work: () => Promise<unknown>, count: number): Promise<number[]> => {
  const times: number[] = [];
  for (let done = 0; done < count; done += 1) {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  }
  return times;
};

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
