import { type Figure, type Report, times } from "../figure.ts";
import type { Measured } from "../load/load.ts";
import type { Server } from "../load/requests.ts";
import { startForked } from "../servers/forked.ts";
import { table, tenths, whole } from "../table.ts";
import { drive, openSide, type Side, type Stage, settle, throwIfAny } from "./stage.ts";

const DEBITS_PER_SECOND = 5_000;
/** No server here can be read as often. */
const READS_MAX_PER_SECOND = 10_000;
/** Each halves what is not known yet: the rate is then known to 1 % of the most there can be. */
const STEPS = 7;
/** Less than this of what was due, and it was not carried. */
const CARRIED_SHARE = 0.98;
const SHARE_MIN = 0.6;
/** A read waits until it shows its reader's last writes: so many wait while others are worked on. */
const CONNECTIONS = 256;

const bareServer = new URL("../servers/bareRead.ts", import.meta.url);

/** Reads a second between what was carried and what was not, what the most of it looked like, and the last attempt. */
type Search = { name: string; server: Server; carried: number; refused: number; best?: Both; last?: Both };
type Both = { reads: Measured; debits: Measured };

/**
 * How often the billing of a wallet can be read while that wallet is debited at a fixed rate, so that both are carried:
 * from Everfold, and from a server that does nothing but read the row while Everfold is debited.
 */
export const measureReads = async (stage: Stage): Promise<Report> => {
  const side = await openSide(await stage.everfold(), 1);
  const { url } = await stage.database("everfold");
  const bare = await startForked(bareServer, url);
  try {
    stage.progress("reads: bare, nothing beside it");
    const alone = await drive(stage, side, { servers: [bare], request: "read", connections: CONNECTIONS });
    throwIfAny(alone.faults);
    const searches = [
      { name: "bare", server: bare },
      { name: "everfold", server: side.contender },
    ].map((of): Search => ({ ...of, carried: 0, refused: READS_MAX_PER_SECOND }));
    for (let step = 1; step <= STEPS; step += 1)
      for (const search of searches) {
        stage.progress(`reads: step ${step} of ${STEPS}, ${search.name}`);
        await narrow(stage, side, search);
      }
    return report(searches, alone.answersPerSecond);
  } finally {
    await bare.stop();
  }
};

const narrow = async (stage: Stage, side: Side, search: Search): Promise<void> => {
  const rate = (search.carried + search.refused) / 2;
  const both = await readBesideDebits(stage, side, search.server, rate);
  const isCarried =
    both.reads.answersPerSecond >= rate * CARRIED_SHARE &&
    both.debits.debitsPerSecond >= DEBITS_PER_SECOND * CARRIED_SHARE;
  Object.assign(search, { last: both }, isCarried ? { carried: rate, best: both } : { refused: rate });
};

const readBesideDebits = async (stage: Stage, side: Side, server: Server, readsPerSecond: number): Promise<Both> => {
  await stage.postgres.query("checkpoint");
  const [warmUpMs, measuredMs] = [stage.pace.warmUpMs / 2, stage.pace.measuredMs / 2];
  const reading = { servers: [server], request: "read", connections: CONNECTIONS } as const;
  const [reads, debits] = await Promise.all([
    drive(stage, side, { ...reading, warmUpMs, measuredMs, ratePerSecond: readsPerSecond }),
    drive(stage, side, { warmUpMs, measuredMs, ratePerSecond: DEBITS_PER_SECOND }),
  ]);
  throwIfAny(reads.faults.map((fault) => `a read: ${fault}`));
  await settle(side, debits);
  return { reads, debits };
};

const report = (searches: readonly Search[], alonePerSecond: number): Report => {
  const title = `GET billing while ${whole(DEBITS_PER_SECOND)} debits/s run on the same wallet`;
  const rows = searches.map(({ name, best, last }) => {
    const shown = best ?? last;
    if (shown === undefined) return [name];
    const { reads, debits } = shown;
    return [
      best === undefined ? `${name}: NOT carried` : name,
      ...[whole(reads.answersPerSecond), tenths(reads.p50Ms), tenths(reads.p99Ms)],
      ...[whole(debits.debitsPerSecond), tenths(debits.p99Ms)],
    ];
  });
  const columns = ["the most that was carried", "reads/s", "p50 ms", "p99 ms", "debits/s", "their p99 ms"];
  const [bare = 0, everfold = 0] = searches.map(({ best }) => best?.reads.answersPerSecond ?? 0);
  return {
    detail: `${title}
${table(columns, rows)}
bare, closed loop, nothing beside it: ${whole(alonePerSecond)} reads/s`,
    figures: [judged(`${title}: reads/s, Everfold to a bare server beside the same debits`, everfold, bare)],
  };
};

const judged = (title: string, everfold: number, bare: number): Figure => ({
  title,
  figure: `${whole(everfold)} to ${whole(bare)}${bare > 0 ? ` = ${times(everfold / bare)}` : ""}`,
  goal: `≥ ${SHARE_MIN}×`,
  isReached: everfold > 0 && everfold >= bare * SHARE_MIN,
});
