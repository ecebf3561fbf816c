import { type Report, ratioOf } from "../figure.ts";
import type { Measured } from "../load/load.ts";
import type { Server } from "../load/requests.ts";
import { startForked } from "../servers/forked.ts";
import { median, table, tenths, whole } from "../table.ts";
import { drive, inTurn, openSide, type Side, type Stage, settle, throwIfAny } from "./stage.ts";

const DEBITS_PER_SECOND = 5_000;
/** Less than this of what was due, and the reads had not the load beside them that they are measured under. */
const CARRIED_SHARE = 0.98;
const SHARE_MIN = 0.6;
/** A read waits until it shows its reader's last writes: so many wait while others are worked on. */
const CONNECTIONS = 256;

const bareServer = new URL("../servers/bareRead.ts", import.meta.url);
type Round = { reads: Measured; debits: Measured | undefined };

/**
 * The billing of a wallet read as often as it goes while it is debited, from Everfold and from a server that does
 * nothing but read the row. Both are read beside the same debits; the bare server once more with nothing beside it.
 */
export const measureReads = async (stage: Stage): Promise<Report> => {
  const title = `GET billing while ${whole(DEBITS_PER_SECOND)} debits/s run on the same wallet`;
  const side = await openSide(await stage.everfold(), 1);
  const { url } = await stage.database("everfold");
  const bare = await startForked(bareServer, url);
  try {
    const contestants = new Map([
      ["bare, nothing beside it", async () => ({ reads: await read(stage, side, bare), debits: undefined })],
      ["bare", () => readBesideDebits(stage, side, bare)],
      ["everfold", () => readBesideDebits(stage, side, side.contender)],
    ]);
    return report(title, await inTurn<Round>(stage, title, contestants));
  } finally {
    await bare.stop();
  }
};

const read = async (stage: Stage, side: Side, server: Server): Promise<Measured> => {
  const reads = await drive(stage, side, { servers: [server], request: "read", connections: CONNECTIONS });
  throwIfAny(reads.faults.map((fault) => `a read: ${fault}`));
  return reads;
};

const readBesideDebits = async (stage: Stage, side: Side, server: Server): Promise<Round> => {
  await stage.postgres.query("checkpoint");
  const [reads, debits] = await Promise.all([
    read(stage, side, server),
    drive(stage, side, { ratePerSecond: DEBITS_PER_SECOND }),
  ]);
  await settle(side, debits);
  return { reads, debits };
};

const report = (title: string, rounds: ReadonlyMap<string, Round[]>): Report => {
  const reads = (name: string) => rounds.get(name)?.map((round) => round.reads.answersPerSecond) ?? [];
  const debits = (name: string) => rounds.get(name)?.map((round) => round.debits?.debitsPerSecond ?? 0) ?? [];
  const isCarried = median(debits("everfold")) >= DEBITS_PER_SECOND * CARRIED_SHARE;
  const ratio = ratioOf(reads("everfold"), reads("bare"));
  const alone = ratioOf(reads("everfold"), reads("bare, nothing beside it"));
  const rows = [...rounds].map(([name, each]) => [
    name,
    whole(median(reads(name))),
    reads(name).map(whole).join(" "),
    tenths(median(each.map((round) => round.reads.p50Ms))),
    tenths(median(each.map((round) => round.reads.p99Ms))),
    whole(median(each.map((round) => round.reads.late))),
    whole(median(debits(name))),
  ]);
  const columns = ["median of rounds", "reads/s", "each", "p50 ms", "p99 ms", "told to come back", "debits/s"];
  return {
    detail: `${title}, ${CONNECTIONS} readers\n${table(columns, rows)}`,
    figures: [
      {
        title: `${title}: reads/s, Everfold to a bare server`,
        figure: isCarried
          ? `${whole(median(reads("everfold")))} to ${whole(median(reads("bare")))} = ${ratio.text}`
          : `only ${whole(median(debits("everfold")))} debits/s were carried`,
        goal: `≥ ${SHARE_MIN}×`,
        isReached: isCarried && ratio.middle >= SHARE_MIN,
      },
      { title: "the same to a bare server without the debits beside it", figure: alone.text },
    ],
  };
};
