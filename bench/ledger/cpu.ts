import { readdirSync, readFileSync } from "node:fs";

/** Of `/proc`, on every Linux. */
const TICK_US = 10_000;

/** CPU time in µs since the beginning, by the part of the system that used it. */
export type CpuTimes = ReadonlyMap<string, number>;

type Stat = { pid: number; parent: number; name: string; ownUs: number; endedChildrenUs: number };

/** Undefined where nothing is left to look at. */
const statAt = (path: string): Stat | undefined => {
  const text = readOrNothing(`${path}/stat`);
  if (text === undefined) return undefined;
  const nameEnd = text.lastIndexOf(")");
  const fields = text.slice(nameEnd + 2).split(" ");
  const number = (index: number) => Number(fields[index]);
  return {
    pid: Number.parseInt(text, 10),
    name: text.slice(text.indexOf("(") + 1, nameEnd),
    parent: number(1),
    ownUs: (number(11) + number(12)) * TICK_US,
    endedChildrenUs: (number(13) + number(14)) * TICK_US,
  };
};

const readOrNothing = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // A process or a thread may end between the listing and the look at it.
    return undefined;
  }
};

const numbersIn = (path: string): string[] => readdirSync(path).filter((name) => /^\d+$/.test(name));

const isEventStore = ({ pid }: Stat): boolean =>
  readOrNothing(`/proc/${pid}/cmdline`)?.includes("embedded/eventstore/main.ts") === true;

/**
 * What a server, its event store and Postgres have used so far. The server's threads are told apart by the names Node
 * gives them, and its workers by their age: the first one is where Everfold's followers are. `postgresBackend` is any
 * process of the Postgres server; `eventStoreParents` are the processes that may have started the event store.
 */
export const cpuTimesOf = (server: number, postgresBackend: number, eventStoreParents: readonly number[]): CpuTimes => {
  const processes = numbersIn("/proc").flatMap((pid) => statAt(`/proc/${pid}`) ?? []);
  const postmaster = statAt(`/proc/${postgresBackend}`)?.parent;
  const threads = numbersIn(`/proc/${server}/task`).flatMap((thread) => statAt(`/proc/${server}/task/${thread}`) ?? []);
  const sum = (stats: readonly Stat[]) => stats.reduce((total, { ownUs }) => total + ownUs, 0);
  const mainThread = sum(threads.filter(({ pid }) => pid === server));
  const workers = threads.filter(({ name }) => name === "WorkerThread").map((worker) => sum([worker]));
  const whole = sum(processes.filter(({ pid }) => pid === server));
  const eventStores = processes.filter((each) => eventStoreParents.includes(each.parent) && isEventStore(each));
  const postgres = processes.filter(({ pid, parent }) => pid === postmaster || parent === postmaster);
  const endedBackends = postgres.find(({ pid }) => pid === postmaster)?.endedChildrenUs ?? 0;
  return new Map([
    ["API main thread", mainThread],
    ...workers.map((used, index) => [index === 0 ? "follower thread" : `worker thread ${index + 1}`, used] as const),
    [
      "other threads of that process (V8, libuv)",
      whole - mainThread - workers.reduce((total, used) => total + used, 0),
    ],
    ["event store", sum(eventStores)],
    ["Postgres", sum(postgres) + endedBackends],
    ["whole machine", machineUs()],
  ]);
};

/** What no processor was idle for or waiting for a disk. */
const machineUs = (): number => {
  const fields = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]?.split(/\s+/).slice(1, 9).map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , interrupt = 0, softInterrupt = 0] = fields;
  return (user + nice + system + interrupt + softInterrupt) * TICK_US;
};

/** What was used between two looks. */
export const cpuBetween = (before: CpuTimes, after: CpuTimes): CpuTimes =>
  new Map([...after].map(([part, used]) => [part, used - (before.get(part) ?? 0)]));
