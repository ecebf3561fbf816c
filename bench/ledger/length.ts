import { join } from "node:path";
import { z } from "zod";
import { type Report, times } from "../figure.ts";
import { type Contender, call, creditsEach } from "../servers/contender.ts";
import { median, table, tenths, whole } from "../table.ts";
import { type Archive, filledWallet, openArchive } from "./archive.ts";
import { type Side, type Stage, throwIfAny, verify } from "./stage.ts";

const SHORT_EVENTS = 1_000;
const LONG_EVENTS = 1_000_000;
const RATIO_MAX = 1.5;
/** An even number: each of the two comes first as often as the other. */
const STARTS = 6;

const Debited = z.object({ transaction: z.object({ balanceAfter: z.number() }) });

/**
 * The first debit of a ledger in a process that has just started, for a short and for a long ledger. What the first
 * command of all costs a process is paid by a third ledger, and what a workspace costs by a read before.
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
  for (const side of Object.values(sides)) await verify(side);
  const [short, long]: [number[], number[]] = [[], []];
  for (let start = 1; start <= STARTS; start += 1) {
    stage.progress(`length: cold start ${start} of ${STARTS}`);
    const process = await cold(stage, archive, start);
    try {
      await timedDebit(process, sides.warmUp);
      const order = start % 2 === 0 ? (["short", "long"] as const) : (["long", "short"] as const);
      for (const name of order) (name === "short" ? short : long).push(await timedDebit(process, sides[name]));
    } finally {
      await process.stop();
    }
  }
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
  const path = `/workspaces/${side.wallets[0]}/billing`;
  // Who may do what in the workspace is then in memory, and nothing of its ledger.
  await call(process, "GET", path);
  const begun = performance.now();
  const { data } = await call(process, "POST", `${path}/debits`, { amount: 1, description: "First" });
  const tookMs = performance.now() - begun;
  const debits = (side.acknowledged[0] ?? 0) + 1;
  side.acknowledged[0] = debits;
  const { balanceAfter } = Debited.parse(data).transaction;
  const isRight = balanceAfter === creditsEach - debits;
  throwIfAny(
    isRight ? [] : [`${debits} debits of 1 were acknowledged out of ${creditsEach}: ${balanceAfter} are left`],
  );
  return tookMs;
};
