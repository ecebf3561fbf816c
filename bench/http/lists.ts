import { type Report, ratioOf } from "../figure.ts";
import { drive, inTurn, openSide, type Stage, throwIfAny } from "../ledger/stage.ts";
import { startForked } from "../servers/forked.ts";
import { median, table, tenths, whole } from "../table.ts";

const WORKSPACES = 20;
const SHARE_MIN = 0.4;
const bareServer = new URL("../servers/bareList.ts", import.meta.url);

/** A page of 20 workspaces from Everfold, and from a server that does nothing but read the same rows. */
export const compareLists = async (stage: Stage): Promise<Report> => {
  const title = `GET a list of ${WORKSPACES} workspaces`;
  const everfold = await stage.everfold();
  const side = await openSide(everfold, WORKSPACES);
  const { url } = await stage.database("everfold");
  const bare = await startForked(bareServer, url);
  try {
    const turnAt = async (server: { port: number; token: string }) => {
      const measured = await drive(stage, side, { servers: [server], request: "workspaces" });
      throwIfAny(measured.faults);
      return measured;
    };
    const contestants = new Map([
      ["everfold", () => turnAt({ ...everfold, token: everfold.ownerToken ?? "" })],
      ["bare", () => turnAt(bare)],
    ]);
    return report(title, await inTurn(stage, title, contestants));
  } finally {
    await bare.stop();
  }
};

type Turn = Awaited<ReturnType<typeof drive>>;

const report = (title: string, rounds: ReadonlyMap<string, Turn[]>): Report => {
  const rates = (name: string) => rounds.get(name)?.map(({ answersPerSecond }) => answersPerSecond) ?? [];
  const ratio = ratioOf(rates("everfold"), rates("bare"));
  const rows = [...rounds].map(([name, each]) => [
    name,
    whole(median(rates(name))),
    rates(name).map(whole).join(" "),
    tenths(median(each.map(({ p50Ms }) => p50Ms))),
    tenths(median(each.map(({ p99Ms }) => p99Ms))),
  ]);
  return {
    detail: `${title}, 64 connections\n${table(["median of rounds", "reads/s", "each", "p50 ms", "p99 ms"], rows)}`,
    figures: [
      {
        title: `${title}: reads/s, Everfold to a bare server`,
        figure: `${whole(median(rates("everfold")))} to ${whole(median(rates("bare")))} = ${ratio.text}`,
        goal: `≥ ${SHARE_MIN}×`,
        isReached: ratio.middle >= SHARE_MIN,
      },
    ],
  };
};
