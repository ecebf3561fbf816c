import { once } from "node:events";
import { type Answer, openConnection } from "./connection.ts";
import type { Load, Measured, Said } from "./load.ts";
import { requests } from "./requests.ts";
import { openTally } from "./tally.ts";

/** How long the last answers may take once nothing more is sent. */
const DRAIN_MS = 30_000;
/** As fine as timers are: a request that is due is sent at most about so much later. */
const TICK_MS = 1;

const tell = (said: Said): void => void process.send?.(said);

/**
 * Sends until the time is over and then waits for every answer still out: a request cut off could have been carried
 * out or not, and nothing could be reconciled.
 */
const run = async (load: Load): Promise<Measured> => {
  const { servers, wallets, warmUpMs, measuredMs, ratePerSecond, requestsMax = Number.POSITIVE_INFINITY } = load;
  const { text, outcome } = requests[load.request];
  const startedAt = performance.now();
  const begun = startedAt + warmUpMs;
  const over = begun + measuredMs;
  const tally = openTally(load, { begun, over });
  const idle: (() => void)[] = [];
  let sent = 0;
  const dueAt = (number: number, now: number) =>
    ratePerSecond === undefined ? now : startedAt + (number / ratePerSecond) * 1_000;
  const isOver = (now: number) => sent >= requestsMax || now >= over || tally.isFaulty();

  const drive = async (index: number): Promise<void> => {
    const server = servers[index % servers.length];
    if (server === undefined) throw new Error("there is no server to send to");
    const finished = Promise.withResolvers<void>();
    let inFlight = { wallet: 0, dueAt: 0 };
    const next = (): void => {
      const now = performance.now();
      const due = dueAt(sent, now);
      if (isOver(now)) finished.resolve();
      else if (due > now) idle.push(next);
      else {
        inFlight = { wallet: sent % wallets.length, dueAt: due };
        sent += 1;
        connection.send(text(server, wallets[inFlight.wallet] ?? "", sent));
      }
    };
    const answered = (answer: Answer): void => {
      tally.answered(inFlight, answer, outcome(answer));
      next();
    };
    const failed = ({ message }: Error): void => {
      tally.fault(message);
      finished.resolve();
    };
    const connection = await openConnection(server.port, { answer: answered, failure: failed });
    next();
    await finished.promise;
    connection.close();
  };

  const cpuMs = observeWindow(begun, over);
  const wakeIdle = () => {
    for (const wake of idle.splice(0)) wake();
  };
  const ticking = ratePerSecond === undefined ? undefined : setInterval(wakeIdle, TICK_MS);
  const unanswered = setTimeout(
    () => tally.fault(`answers were still missing after ${DRAIN_MS} ms`),
    warmUpMs + measuredMs + DRAIN_MS,
  );
  await Promise.all(Array.from({ length: load.connections }, (_, index) => drive(index)));
  clearTimeout(unanswered);
  clearInterval(ticking);
  if (ratePerSecond !== undefined)
    for (let number = sent; dueAt(number, over) < over; number += 1) tally.unsent(dueAt(number, over));
  return tally.measured(cpuMs());
};

/** Says when the window begins and ends, and gives the CPU time that this process used in it, or in it up to now. */
const observeWindow = (begun: number, over: number): (() => number) => {
  let first = process.cpuUsage();
  let used: number | undefined;
  const cpuMs = () => {
    const { user, system } = process.cpuUsage(first);
    return (user + system) / 1_000;
  };
  const begin = () => {
    first = process.cpuUsage();
    tell({ at: "begin" });
  };
  const end = () => {
    used ??= cpuMs();
    tell({ at: "end" });
  };
  setTimeout(begin, Math.max(0, begun - performance.now()));
  setTimeout(end, Math.max(0, over - performance.now())).unref();
  return () => used ?? cpuMs();
};

// Nobody is left to tell.
process.once("disconnect", () => process.exit());
const [load]: Load[] = await once(process, "message");
if (load !== undefined) tell({ measured: await run(load) });
