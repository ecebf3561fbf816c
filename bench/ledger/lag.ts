import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import type { Report } from "../figure.ts";
import type { Acknowledgement } from "../load/load.ts";
import { quantile } from "../load/tally.ts";
import { median, table, tenths, whole } from "../table.ts";
import { inTurn, openSide, type Stage, turn } from "./stage.ts";

const LAG_MAX_MS = 250;
const DRAINED_MAX_MS = 1_000;
const LOOK_INTERVAL_MS = 3;

/** What the read models had passed at a time, by the clock that all processes of the machine share. */
type Look = { atMs: number; position: bigint };

/** From the acknowledgement of a debit until every read model has passed it, under the hot wallet's load. */
export const measureLag = async (stage: Stage): Promise<Report> => {
  const title = "projection lag, one hot wallet, 64 connections";
  const side = await openSide(await stage.everfold(), 1);
  const readModels = await stage.readModels();
  const measure = async () => {
    const watching = watchCheckpoints(readModels);
    const measured = await turn(stage, side).finally(watching.end);
    return { ...measured, lagsMs: lagsOf(measured.acknowledgements, await watching.looks) };
  };
  const rounds = (await inTurn(stage, title, new Map([["everfold", measure]]))).get("everfold") ?? [];
  const at = (share: number) => rounds.map(({ lagsMs }) => quantile(lagsMs, share));
  const p99 = median(at(0.99));
  const drained = median(rounds.map(({ drainedMs }) => drainedMs));
  const rows = rounds.map(({ debitsPerSecond, lagsMs, drainedMs }, round) => [
    String(round + 1),
    whole(debitsPerSecond),
    whole(lagsMs.length),
    tenths(quantile(lagsMs, 0.5)),
    tenths(quantile(lagsMs, 0.99)),
    tenths(quantile(lagsMs, 1)),
    whole(drainedMs),
  ]);
  return {
    detail: `${title}
${table(["round", "debits/s", "samples", "p50 ms", "p99 ms", "most ms", "drained ms"], rows)}`,
    figures: [
      {
        title: "projection lag under the hot load, p99",
        figure: `${tenths(p99)} ms (${at(0.99).map(tenths).join(", ")})`,
        goal: `≤ ${LAG_MAX_MS} ms`,
        isReached: p99 <= LAG_MAX_MS,
      },
      {
        title: "until everything acknowledged can be read",
        figure: `${whole(drained)} ms`,
        goal: `≤ ${whole(DRAINED_MAX_MS)} ms`,
        isReached: drained <= DRAINED_MAX_MS,
      },
    ],
  };
};

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Of several versions of a projection the newest; of all projections the last. */
const lowest = `select min(position)::text as position from (
  select distinct on (projection) position from runtime.checkpoints
  where projection not like 'reaction:%' order by projection, version desc) as newest`;

/** Looks until it is told to stop, behind the API's back: the API would wait. */
const watchCheckpoints = (connection: pg.Client) => {
  const looks: Look[] = [];
  let isOver = false;
  const watch = async () => {
    while (!isOver) {
      const { rows } = await connection.query<{ position: string }>(lowest);
      looks.push({ atMs: nowMs(), position: BigInt(rows[0]?.position ?? -1) });
      await pause(LOOK_INTERVAL_MS);
    }
    return looks;
  };
  return {
    looks: watch(),
    end: () => {
      isOver = true;
    },
  };
};

/** In ascending order. Both lists are in the order of time, and positions never go back. */
const lagsOf = (acknowledgements: readonly Acknowledgement[], looks: readonly Look[]): number[] => {
  let index = 0;
  const inOrder = acknowledgements
    .map(({ atMs, position }) => ({ atMs, position: BigInt(position) }))
    .sort((a, b) => (a.position < b.position ? -1 : 1));
  const lags = inOrder.flatMap(({ atMs, position }) => {
    while ((looks[index]?.position ?? position) < position) index += 1;
    const passed = looks[index];
    return passed === undefined ? [] : [Math.max(0, passed.atMs - atMs)];
  });
  return lags.sort((a, b) => a - b);
};
