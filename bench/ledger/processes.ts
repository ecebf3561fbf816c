import { join } from "node:path";
import { type Report, ratioOf } from "../figure.ts";
import { awaited } from "../reconciliation.ts";
import type { Contender } from "../servers/contender.ts";
import { median, table, tenths, whole } from "../table.ts";
import { drive, inTurn, openSide, type Side, type Stage, settle, type Turn } from "./stage.ts";

/** The same 64 connections to one wallet, all to one process or half of them to a second one beside it. */
export const compareProcesses = async (stage: Stage): Promise<Report> => {
  const title = "a second API process on one hot wallet";
  const everfold = await stage.everfold();
  const side = await openSide(everfold, 1);
  const second = await everfold.another(join(stage.directory, "second"));
  try {
    const contestants = new Map([
      ["one process", () => turnWith(stage, side, [everfold])],
      ["two processes", () => turnWith(stage, side, [everfold, second])],
    ]);
    return report(title, await inTurn(stage, title, contestants));
  } finally {
    await second.stop();
  }
};

/** A process waits for what it wrote itself: each is asked once, and the read models have everything. */
const turnWith = async (stage: Stage, side: Side, servers: readonly Contender[]): Promise<Turn> => {
  await stage.postgres.query("checkpoint");
  const measured = await drive(stage, side, { servers });
  for (const server of servers) await awaited(server, `/workspaces/${side.wallets[0]}/billing`);
  return { ...measured, ...(await settle(side, measured)) };
};

const report = (title: string, rounds: ReadonlyMap<string, Turn[]>): Report => {
  const rates = (name: string) => rounds.get(name)?.map(({ debitsPerSecond }) => debitsPerSecond) ?? [];
  const ratio = ratioOf(rates("two processes"), rates("one process"));
  const rows = [...rounds].map(([name, each]) => [
    name,
    whole(median(rates(name))),
    rates(name).map(whole).join(" "),
    tenths(median(each.map(({ p50Ms }) => p50Ms))),
    tenths(median(each.map(({ p99Ms }) => p99Ms))),
  ]);
  return {
    detail: `${title}, 64 connections\n${table(["median of rounds", "debits/s", "each", "p50 ms", "p99 ms"], rows)}`,
    figures: [
      {
        title: `${title}: debits/s with two to one`,
        figure: `${whole(median(rates("two processes")))} to ${whole(median(rates("one process")))} = ${ratio.text}`,
        goal: "≥ 1×",
        isReached: ratio.middle >= 1,
      },
    ],
  };
};
