import { join } from "node:path";
import { type Report, times } from "../figure.ts";
import { awaited } from "../reconciliation.ts";
import { type Contender, call } from "../servers/contender.ts";
import { median, table, tenths, whole } from "../table.ts";
import { type Archive, filledWallet, openArchive } from "./archive.ts";
import { type Side, type Stage, verify } from "./stage.ts";

const SHORT_EVENTS = 1_000;
const LONG_EVENTS = 1_000_000;
const RATIO_MAX = 1.5;
const STARTS = 5;

/**
 * The first debit of a ledger in a process that has just started, for a short and for a long ledger. What the first
 * command of all costs a process is paid by a third ledger.
 */
export const compareLengths = async (stage: Stage): Promise<Report> => {
  await using stack = new AsyncDisposableStack();
  const archive = await openArchive(stage, "long", stack);
  const longEvents = Math.round(LONG_EVENTS * stage.pace.share);
  stage.progress(`length: ${whole(longEvents)} debits are stored and projected first`);
  const sides = {
    warmUp: await filledWallet(stage, archive, SHORT_EVENTS),
    short: await filledWallet(stage, archive, SHORT_EVENTS),
    long: await filledWallet(stage, archive, longEvents),
  };
  const [short, long]: [number[], number[]] = [[], []];
  for (let start = 1; start <= STARTS; start += 1) {
    stage.progress(`length: cold start ${start} of ${STARTS}`);
    const process = await cold(stage, archive, start);
    try {
      await timedDebit(process, sides.warmUp);
      const order = start % 2 === 0 ? (["short", "long"] as const) : (["long", "short"] as const);
      for (const name of order) (name === "short" ? short : long).push(await timedDebit(process, sides[name]));
      // What it wrote itself it waits for; the other process, which is asked at the end, would not.
      await awaited(process, `/workspaces/${sides.warmUp.wallets[0]}/billing`);
    } finally {
      await process.stop();
    }
  }
  for (const side of Object.values(sides)) await verify(side);
  const ratio = median(long) / median(short);
  const row = (events: number, each: readonly number[]) => [
    `${whole(events)} events`,
    tenths(median(each)),
    each.map(tenths).join(" "),
  ];
  return {
    detail: `first debit of a ledger in a cold process, ms
${table(["", "median ms", "each"], [row(SHORT_EVENTS, short), row(longEvents, long)])}`,
    figures: [
      {
        title: `loading a ledger of ${whole(longEvents)} events, to one of ${whole(SHORT_EVENTS)}`,
        figure: `${tenths(median(long))} to ${tenths(median(short))} ms = ${times(ratio)}`,
        goal: `≤ ${RATIO_MAX}×`,
        isReached: ratio <= RATIO_MAX,
      },
    ],
  };
};

const cold = ({ directory }: Stage, { everfold }: Archive, start: number): Promise<Contender> =>
  everfold.another(join(directory, `cold-${start}`));

const timedDebit = async (process: Contender, side: Side): Promise<number> => {
  const begun = performance.now();
  await call(process, "POST", `/workspaces/${side.wallets[0]}/billing/debits`, { amount: 1, description: "First" });
  const tookMs = performance.now() - begun;
  side.acknowledged[0] = (side.acknowledged[0] ?? 0) + 1;
  return tookMs;
};
