import { join } from "node:path";
import type { Report } from "../figure.ts";
import { drive, inTurn, openSide, type Stage, throwIfAny } from "../ledger/stage.ts";
import { environmentOf } from "../servers/everfoldProcess.ts";
import { startForked } from "../servers/forked.ts";
import { median, table } from "../table.ts";

const probe = new URL("../servers/probe.ts", import.meta.url);
const EXTRA_MS_MAX = 0.3;

/** One connection: nothing waits for anything but its own work. */
const alone = { request: "probe", connections: 1 } as const;

/** What it costs a request to prove who sends it, to decide whether they may, and to go on as their tenant. */
export const measureAuthorization = async (stage: Stage): Promise<Report> => {
  const title = "authorization and tenant context of a request";
  const everfold = await stage.everfold();
  const side = await openSide(everfold, 1);
  const { token: key, ownerToken: token = "" } = everfold;
  const settings = JSON.stringify(environmentOf(join(stage.directory, "probe"), await everfold.shared()));
  const { url } = await stage.database("everfold");
  const [guarded, open] = [
    await startForked(probe, url, ["guarded", settings]),
    await startForked(probe, url, ["open", settings]),
  ];
  try {
    const turnAt = async (server: { port: number; token: string }) => {
      const measured = await drive(stage, side, { ...alone, servers: [server] });
      throwIfAny(measured.faults);
      return measured;
    };
    const contestants = new Map([
      ["without", () => turnAt(open)],
      ["with a person's token", () => turnAt({ ...guarded, token })],
      ["with a worker's key", () => turnAt({ ...guarded, token: key })],
    ]);
    return report(title, await inTurn(stage, title, contestants));
  } finally {
    await Promise.all([guarded.stop(), open.stop()]);
  }
};

type Turn = Awaited<ReturnType<typeof drive>>;

const report = (title: string, rounds: ReadonlyMap<string, Turn[]>): Report => {
  const rows = [...rounds].map(([name, each]) => [
    name,
    thousandths(median(each.map(({ p50Ms }) => p50Ms))),
    each.map(({ p50Ms }) => thousandths(p50Ms)).join(" "),
    thousandths(median(each.map(({ p99Ms }) => p99Ms))),
  ]);
  const p50s = (name: string) => rounds.get(name)?.map(({ p50Ms }) => p50Ms) ?? [];
  const figures = [...rounds.keys()].slice(1).map((name) => {
    const extra = median(p50s(name).map((ms, round) => ms - (p50s("without")[round] ?? Number.NaN)));
    const goal = { goal: `≤ ${EXTRA_MS_MAX}`, isReached: extra <= EXTRA_MS_MAX };
    return { title: `${title}, ${name}: ms more at the median`, figure: thousandths(extra), ...goal };
  });
  return {
    detail: `${title}, one connection\n${table(["median of rounds", "p50 ms", "each", "p99 ms"], rows)}`,
    figures,
  };
};

const thousandths = (value: number): string => value.toFixed(3);
