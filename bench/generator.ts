import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type Answer, type Connection, openConnection } from "./connection.ts";
import type { Load, Measured } from "./load.ts";

/** How long the last answers may take once nothing more is sent. */
const DRAIN_MS = 30_000;
const FAULTS_SHOWN_MAX = 5;

/**
 * Sends until the time is over and then waits for every answer still out: a request cut off could have been carried
 * out or not, and nothing could be reconciled.
 */
const run = async (load: Load): Promise<Measured> => {
  const { wallets, warmUpMs, measuredMs, requestsMax = Number.POSITIVE_INFINITY } = load;
  const acknowledged = wallets.map(() => 0);
  const latencies: number[] = [];
  const faults: string[] = [];
  const begun = performance.now() + warmUpMs;
  const over = begun + measuredMs;
  let sent = 0;

  const drive = async (): Promise<void> => {
    const idle = Promise.withResolvers<void>();
    let wallet = 0;
    let sentAt = 0;
    const next = (connection: Connection): void => {
      if (sent >= requestsMax || performance.now() >= over || faults.length > 0) {
        idle.resolve();
        return;
      }
      wallet = sent % wallets.length;
      sent += 1;
      sentAt = performance.now();
      connection.send(requestOf(load, wallets[wallet] ?? "", sent));
    };
    const answered = ({ status, body }: Answer): void => {
      const now = performance.now();
      if (status === 201) acknowledged[wallet] = (acknowledged[wallet] ?? 0) + 1;
      else faults.push(`answered ${status}: ${body}`);
      if (now >= begun && now < over) latencies.push(now - sentAt);
      next(connection);
    };
    const failed = ({ message }: Error): void => {
      faults.push(message);
      idle.resolve();
    };
    const connection = await openConnection(load.port, { answer: answered, failure: failed });
    next(connection);
    await idle.promise;
    connection.close();
  };

  const usage = cpuWhile(begun, over);
  const unanswered = setTimeout(
    () => faults.push(`answers were still missing after ${DRAIN_MS} ms`),
    warmUpMs + measuredMs + DRAIN_MS,
  );
  await Promise.all(Array.from({ length: load.connections }, drive));
  clearTimeout(unanswered);
  latencies.sort((a, b) => a - b);
  return {
    debitsPerSecond: (latencies.length / (Math.min(performance.now(), over) - begun)) * 1_000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    acknowledged,
    faults: faults.slice(0, FAULTS_SHOWN_MAX),
    generatorCores: usage(),
  };
};

/** As a worker would: its own key for each debit, and a reference to the job it pays for. */
const requestOf = ({ port, token }: Load, wallet: string, number: number): string => {
  const body = `{"amount":1,"description":"Contact enriched","referenceId":"job-${number}"}`;
  return (
    `POST /api/v1/workspaces/${wallet}/billing/debits HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
    `Authorization: Bearer ${token}\r\nIdempotency-Key: ${randomUUID()}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
};

/** Cores used between two times of the clock of `performance`, or up to now. */
const cpuWhile = (begun: number, over: number): (() => number) => {
  let first = process.cpuUsage();
  let used: number | undefined;
  const cores = () => {
    const { user, system } = process.cpuUsage(first);
    return (user + system) / 1_000 / (Math.min(performance.now(), over) - begun);
  };
  setTimeout(() => (first = process.cpuUsage()), Math.max(0, begun - performance.now()));
  setTimeout(() => (used = cores()), Math.max(0, over - performance.now())).unref();
  return () => used ?? cores();
};

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

// Nobody is left to tell.
process.once("disconnect", () => process.exit());
const [load]: Load[] = await once(process, "message");
if (load !== undefined) process.send?.(await run(load));
