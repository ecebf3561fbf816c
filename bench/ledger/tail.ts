import { type Figure, type Report, ratioOf } from "../figure.ts";
import { median, table, tenths, whole } from "../table.ts";
import { closedLoopRate, scenarios } from "./debits.ts";
import { type Side, type Stage, scenarioSide, type Turn, turn } from "./stage.ts";

type Scenario = (typeof scenarios)[keyof typeof scenarios];

/** Of the rate that Everfold reaches when nothing else limits it. */
const LOAD_SHARE = 0.5;
/** Less than this of what was due, and the load was not carried. */
const CARRIED_SHARE = 0.98;
const RATIO_MAX = 1 / 5;
const ALONE_MAX_MS = 25;

/** An open loop at half of Everfold's own rate, each request's time counted from when it was due. */
export const compareTails = async (stage: Stage): Promise<Report> => {
  const reports: Report[] = [];
  for (const scenario of [scenarios.hot, scenarios.wallets]) reports.push(await compareTail(stage, scenario));
  return {
    detail: reports.map(({ detail }) => detail).join("\n\n"),
    figures: reports.flatMap(({ figures }) => figures),
  };
};

const compareTail = async (stage: Stage, scenario: Scenario): Promise<Report> => {
  const title = `p99 at half the load, ${scenario.title}`;
  const ours = await scenarioSide(stage, await stage.everfold(), scenario.wallets);
  const theirs = await scenarioSide(stage, await stage.baseline(), scenario.wallets);
  const ratePerSecond = Math.round((await closedLoopRate(stage, ours, scenario)) * LOAD_SHARE);
  const isCarried = ({ debitsPerSecond }: Turn) => debitsPerSecond >= ratePerSecond * CARRIED_SHARE;
  const measure = (side: Side, round: number): Promise<Turn> => {
    stage.progress(`${title}: round ${round} of ${stage.pace.rounds}, ${side.contender.name}`);
    return turn(stage, side, { ratePerSecond });
  };

  const [everfold, baseline]: [Turn[], Turn[]] = [[], []];
  for (let round = 1; round <= stage.pace.rounds; round += 1) {
    // One that has broken down under the load would do so again.
    if (baseline.every(isCarried)) baseline.push(await measure(theirs, round));
    everfold.push(await measure(ours, round));
  }
  const p99s = (turns: readonly Turn[]) => turns.map(({ p99Ms }) => p99Ms);
  const row = (name: string, turns: readonly Turn[]): string[] => [
    name,
    whole(median(turns.map(({ debitsPerSecond }) => debitsPerSecond))),
    tenths(median(turns.map(({ p50Ms }) => p50Ms))),
    tenths(median(p99s(turns))),
    p99s(turns).map(tenths).join(" "),
    whole(median(turns.map(({ unsent }) => unsent))),
    turns.every(isCarried) ? "carried" : "NOT carried",
  ];
  const columns = ["median of rounds", "debits/s", "p50 ms", "p99 ms", "each", "never sent", ""];
  return {
    detail: `${title}: ${whole(ratePerSecond)} debits/s are due
${table(columns, [row("baseline", baseline), row("everfold", everfold)])}`,
    figures: [judged(title, p99s(everfold), everfold.every(isCarried), baseline.every(isCarried) && p99s(baseline))],
  };
};

const judged = (
  title: string,
  everfold: readonly number[],
  isCarried: boolean,
  baseline: readonly number[] | false,
): Figure => {
  const ours = `${tenths(median(everfold))} ms`;
  if (!isCarried) return { title, figure: `${ours}, not all of the load carried`, goal: "", isReached: false };
  if (!baseline)
    return {
      title: `${title} (the baseline cannot carry it)`,
      figure: ours,
      goal: `≤ ${ALONE_MAX_MS} ms`,
      isReached: median(everfold) <= ALONE_MAX_MS,
    };
  const ratio = ratioOf(everfold, baseline);
  return {
    title: `${title}, Everfold to the baseline`,
    figure: `${ours} to ${tenths(median(baseline))} ms = ${ratio.text}`,
    goal: `≤ ${RATIO_MAX.toFixed(2)}×`,
    isReached: ratio.middle <= RATIO_MAX,
  };
};
