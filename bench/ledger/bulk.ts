import type { Report } from "../figure.ts";
import { BULK_DEBITS } from "../load/requests.ts";
import { median, table, tenths, whole } from "../table.ts";
import { inTurn, openSide, type Stage, turn } from "./stage.ts";

const GOAL_PER_SECOND = 25_000;
/** Enough to have the next requests waiting when one is done. */
const CONNECTIONS = 16;

/** Debits of one hot wallet, so many a request, each with its own key and its own result. */
export const measureBulk = async (stage: Stage): Promise<Report> => {
  const title = `bulk debits, ${BULK_DEBITS} a request, one hot wallet, ${CONNECTIONS} connections`;
  const side = await openSide(await stage.everfold(), 1);
  const measure = () => turn(stage, side, { request: "bulk", connections: CONNECTIONS });
  const rounds = (await inTurn(stage, title, new Map([["everfold", measure]]))).get("everfold") ?? [];
  const rates = rounds.map(({ debitsPerSecond }) => debitsPerSecond);
  const rows = rounds.map(({ debitsPerSecond, p50Ms, p99Ms, drainedMs }, round) => [
    String(round + 1),
    whole(debitsPerSecond),
    tenths(p50Ms),
    tenths(p99Ms),
    whole(drainedMs),
  ]);
  return {
    detail: `${title}
${table(["round", "debits/s", "p50 ms a request", "p99 ms", "drained ms"], rows)}`,
    figures: [
      {
        title: "bulk debits, 100 a request, one hot wallet: debits/s",
        figure: `${whole(median(rates))} (${rates.map(whole).join(", ")})`,
        goal: `≥ ${whole(GOAL_PER_SECOND)}`,
        isReached: median(rates) >= GOAL_PER_SECOND,
      },
    ],
  };
};
