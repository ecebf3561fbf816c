import { type Figure, type Report, ratioOf } from "../figure.ts";
import type { Contender } from "../servers/contender.ts";
import { median, table, tenths, whole } from "../table.ts";
import { type CpuTimes, cpuBetween, cpuTimesOf } from "./cpu.ts";
import { inTurn, type Side, type Stage, scenarioSide, type Turn, turn } from "./stage.ts";

type Scenario = { name: "hot" | "wallets"; title: string; wallets: number; goal: number };
export const scenarios = {
  hot: { name: "hot", title: "one hot wallet, 64 connections", wallets: 1, goal: 10 },
  wallets: { name: "wallets", title: "1,000 wallets, 64 connections", wallets: 1_000, goal: 2.5 },
} as const satisfies Record<string, Scenario>;

type Round = Turn & { cpuUsADebit: CpuTimes };
const everfoldName: Contender["name"] = "everfold";
const baselineName: Contender["name"] = "baseline";

/** One debit a request, everything that was answered awaited: each connection sends its next one then. */
export const compareDebits =
  (scenario: Scenario) =>
  async (stage: Stage): Promise<Report> => {
    const { name, title, goal } = scenario;
    const contenders = [await stage.baseline(), await stage.pgledger(), await stage.everfold()];
    const contestants = new Map<string, () => Promise<Round>>();
    for (const contender of contenders) {
      if (contender === undefined) continue;
      const side = await scenarioSide(stage, contender, scenario.wallets);
      contestants.set(contender.name, () => round(stage, side));
    }
    const rounds = await inTurn(stage, title, contestants);
    const rates = (of: string) => rounds.get(of)?.map(({ debitsPerSecond }) => debitsPerSecond) ?? [];
    stage.rates.set(name, median(rates(everfoldName)));
    const ratio = ratioOf(rates(everfoldName), rates(baselineName));
    const figures: Figure[] = [
      {
        title: `${title}: debits/s, Everfold to the row-lock baseline`,
        figure: `${whole(median(rates(everfoldName)))} to ${whole(median(rates(baselineName)))} = ${ratio.text}`,
        goal: `≥ ${goal}×`,
        isReached: ratio.middle >= goal,
      },
      againstPgledger(title, rates(everfoldName), rates("pgledger")),
    ];
    return { detail: `${title}\n${ratesTable(rounds)}\n\n${cpuTable(rounds)}`, figures };
  };

const againstPgledger = (title: string, ours: readonly number[], theirs: readonly number[]): Figure => ({
  title: `${title}: debits/s, Everfold to pgledger`,
  figure:
    theirs.length === 0
      ? "not measured: its files are not in bench/pgledger (see bench/README.md)"
      : `${whole(median(ours))} to ${whole(median(theirs))} = ${ratioOf(ours, theirs).text}`,
});

const round = async (stage: Stage, side: Side): Promise<Round> => {
  const { contender } = side;
  const postgresBackend = await backendOf(stage);
  const looks: { at: bigint; cpu: CpuTimes }[] = [];
  // Under the profiler the event store is a child of this process.
  const eventStoreParents = contender.name === everfoldName ? [contender.pid, process.pid] : [];
  const onWindow = () => {
    const cpu = cpuTimesOf(contender.pid, postgresBackend, eventStoreParents);
    looks.push({ at: process.hrtime.bigint(), cpu });
  };
  const measured = await turn(stage, side, { onWindow });
  const [begin, end] = looks;
  if (begin === undefined || end === undefined) throw new Error("the load had no beginning or no end");
  const { debits, generatorCpuMs } = measured;
  if (contender.name === everfoldName) stage.profiling?.window({ from: begin.at, to: end.at, debits });
  const used = new Map([["load generator", generatorCpuMs * 1_000], ...cpuBetween(begin.cpu, end.cpu)]);
  return { ...measured, cpuUsADebit: new Map([...used].map(([part, us]) => [part, us / debits])) };
};

const backendOf = async ({ postgres }: Stage): Promise<number> => {
  const { rows } = await postgres.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
};

const ratesTable = (rounds: ReadonlyMap<string, Round[]>): string =>
  table(
    ["median of rounds", "debits/s", "each", "p50 ms", "p99 ms", "drained ms"],
    [...rounds].map(([name, each]) => {
      const of = (value: (round: Round) => number) => median(each.map(value));
      return [
        name,
        whole(of(({ debitsPerSecond }) => debitsPerSecond)),
        each.map(({ debitsPerSecond }) => whole(debitsPerSecond)).join(" "),
        tenths(of(({ p50Ms }) => p50Ms)),
        tenths(of(({ p99Ms }) => p99Ms)),
        whole(of(({ drainedMs }) => drainedMs)),
      ];
    }),
  );

/** A dash where a contender has no such part. */
const cpuTable = (rounds: ReadonlyMap<string, Round[]>): string => {
  const found = [...rounds.values()].map(([first]) => [...(first?.cpuUsADebit.keys() ?? [])]);
  const parts = new Set(found.sort((a, b) => b.length - a.length).flat());
  const cell = (each: readonly Round[], part: string): string => {
    const used = median(each.map(({ cpuUsADebit }) => cpuUsADebit.get(part) ?? 0));
    return used === 0 ? "–" : tenths(used);
  };
  return table(
    ["CPU µs a debit", ...rounds.keys()],
    [...parts].map((part) => [part, ...[...rounds.values()].map((each) => cell(each, part))]),
  );
};

/** Everfold's closed-loop rate, from the row that measures it or, where that was not asked for, from one turn now. */
export const closedLoopRate = async (stage: Stage, side: Side, { name, title }: Scenario): Promise<number> => {
  const known = stage.rates.get(name);
  if (known !== undefined) return known;
  stage.progress(`${title}: how much of it there is at most`);
  const { debitsPerSecond } = await turn(stage, side);
  stage.rates.set(name, debitsPerSecond);
  return debitsPerSecond;
};
