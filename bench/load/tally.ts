import type { Answer } from "./connection.ts";
import type { Acknowledgement, Load, Measured } from "./load.ts";
import type { Outcome } from "./requests.ts";

const FAULTS_SHOWN_MAX = 5;
/** Often enough for a 99th percentile, too seldom to cost anything. */
const SAMPLE_INTERVAL_MS = 5;

/** From when to when answers count, by the clock of `performance`. */
type Window = { begun: number; over: number };
type Sent = { wallet: number; dueAt: number };

/** Counts what comes back. In an open loop a request's time begins when it was due, not when it could be sent. */
export const openTally = ({ wallets, ratePerSecond }: Load, { begun, over }: Window) => {
  const acknowledged = wallets.map(() => 0);
  const latencies: number[] = [];
  const acknowledgements: Acknowledgement[] = [];
  const faults: string[] = [];
  let [answers, debits, late, unsent, sampledAt] = [0, 0, 0, 0, 0];
  const isInside = (time: number) => time >= begun && time < over;

  return {
    isFaulty: () => faults.length > 0,
    fault: (sentence: string) => faults.push(sentence),
    answered({ wallet, dueAt }: Sent, { status, body }: Answer, outcome: Outcome): void {
      const now = performance.now();
      if (outcome === "fault") {
        faults.push(`answered ${status}: ${body.slice(0, 1_000)}`);
        return;
      }
      if (outcome === "late") {
        late += 1;
        return;
      }
      acknowledged[wallet] = (acknowledged[wallet] ?? 0) + outcome;
      if (isInside(ratePerSecond === undefined ? now : dueAt)) latencies.push(now - dueAt);
      if (!isInside(now)) return;
      answers += 1;
      debits += outcome;
      if (outcome === 0 || now - sampledAt < SAMPLE_INTERVAL_MS) return;
      sampledAt = now;
      const position = body.match(/"position": ?"?(\d+)/)?.[1];
      if (position !== undefined) acknowledgements.push({ atMs: Number(process.hrtime.bigint()) / 1e6, position });
    },
    /** It would have taken at least until now. */
    unsent(dueAt: number): void {
      unsent += 1;
      if (isInside(dueAt)) latencies.push(over - dueAt);
    },
    measured(generatorCpuMs: number): Measured {
      const seconds = (Math.min(performance.now(), over) - begun) / 1_000;
      latencies.sort((a, b) => a - b);
      return {
        answersPerSecond: answers / seconds,
        debits,
        debitsPerSecond: debits / seconds,
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
        acknowledged,
        acknowledgements,
        unsent,
        late,
        faults: faults.slice(0, FAULTS_SHOWN_MAX),
        generatorCpuMs,
      };
    },
  };
};

/** Of values in ascending order. */
export const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
