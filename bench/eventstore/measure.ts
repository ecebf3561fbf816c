import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { EventStoreDBClient } from "@eventstore/db-client";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { NotReconciled } from "../reconciliation.ts";
import { median, table, whole } from "../table.ts";
import { type AppendLoad, append } from "./appends.ts";
import { type Limit, openLimit } from "./limit.ts";
import { residentMiB } from "./memory.ts";
import { catchUp, liveLatencies, readStream } from "./reads.ts";

const ROUNDS = 3;
const EVENTS_STORED = 1_000_000;
const LONG_STREAM_EVENTS = 100_000;
const LIVE_EVENTS = 2_000;
const WARM_UP: AppendLoad = { callers: 64, batch: 1, appends: 20_000 };
const FILL_BATCH = 500;

const loads: readonly (AppendLoad & { readonly title: string; readonly goal: number })[] = [
  { title: "appends of one event, 64 callers", callers: 64, batch: 1, appends: 40_000, goal: 10_000 },
  { title: "appends of one event, 1 caller", callers: 1, batch: 1, appends: 6_000, goal: 1_800 },
  { title: "appends of 100 events, 8 callers", callers: 8, batch: 100, appends: 2_000, goal: 70_000 },
];

type Row = { readonly title: string; readonly values: readonly number[]; readonly limit: number; readonly goal?: Goal };
type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** The embedded event store through the unmodified client, beside bare SQLite. Errors: `NotReconciled`. */
export const measureEventStore = async (directory: string, write: (text: string) => void): Promise<void> => {
  write("\nEmbedded event store, the official client in another process\n");
  const folder = join(directory, "store");
  mkdirSync(folder, { recursive: true });
  const limit = openLimit(join(directory, "limit"));
  const memory = new Map<string, number>();
  const rows: Row[] = [];
  try {
    await serving(folder, async (store, client) => {
      rows.push(...(await appends(client, limit)));
      memory.set("after the appends", residentMiB(store.pid));
      rows.push(...(await reads(client, limit)));
      memory.set("after the reads", residentMiB(store.pid));
      rows.push(await latency(client, limit));
    });
    rows.push(await starts(folder));
  } finally {
    limit.close();
  }
  write(`${table(["", "median", "each", "SQLite alone", "goal", ""], rows.map(cells))}\n`);
  for (const [when, mebibytes] of memory) write(`server memory ${when}: ${whole(mebibytes)} MiB (goal ≤ 200)\n`);
};

/** Ten minutes of appends; the server's memory is to stay where it is. */
export const soakEventStore = async (directory: string, write: (text: string) => void): Promise<void> => {
  const minutes = 10;
  write(`\nEmbedded event store, ${minutes} minutes of appends from 64 callers\n`);
  await serving(directory, async (store, client) => {
    for (let minute = 1; minute <= minutes; minute += 1) {
      const until = performance.now() + 60_000;
      const rates: number[] = [];
      while (performance.now() < until) rates.push((await append(client, "soak", WARM_UP)).eventsPerSecond);
      write(`minute ${minute}: ${whole(median(rates))}/s, server memory ${whole(residentMiB(store.pid))} MiB\n`);
    }
  });
};

const serving = async (
  directory: string,
  work: (store: EmbeddedEventStore, client: EventStoreDBClient) => Promise<void>,
): Promise<void> => {
  const store = await startEventStore({ directory });
  const client = EventStoreDBClient.connectionString(store.url);
  try {
    await work(store, client);
  } finally {
    await client.dispose();
    await store.stop();
  }
};

const appends = async (client: EventStoreDBClient, limit: Limit): Promise<Row[]> => {
  await append(client, "warm-up", WARM_UP);
  limit.append(WARM_UP);
  const measured = loads.map((load) => ({ load, ours: [] as number[], bare: [] as number[] }));
  for (let round = 1; round <= ROUNDS; round += 1)
    for (const { load, ours, bare } of measured) {
      ours.push((await append(client, `round-${round}-${load.batch}-${load.callers}`, load)).eventsPerSecond);
      bare.push(limit.append(load));
    }
  return measured.map(({ load, ours, bare }) => ({
    title: `${load.title}, events/s`,
    values: ours,
    limit: median(bare),
    goal: { atLeast: load.goal },
  }));
};

const reads = async (client: EventStoreDBClient, limit: Limit): Promise<Row[]> => {
  const stored = await fill(client);
  const long: number[] = [];
  const all: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const stream = await readStream(client, longStream);
    reconcile("the long stream", stream.events, LONG_STREAM_EVENTS);
    long.push(stream.eventsPerSecond);
    const caughtUp = await catchUp(client);
    reconcile("all streams", caughtUp.events, stored);
    all.push(caughtUp.eventsPerSecond);
  }
  const bare = limit.readAll();
  return [
    { title: "forward read of a stream of 100,000, events/s", values: long, limit: bare },
    { title: "catch-up of 1,000,000 on $all, events/s", values: all, limit: bare, goal: { atLeast: 60_000 } },
  ];
};

const longStream = "long-0";

/** Stores what is missing, and says how many events everybody together must find. */
const fill = async (client: EventStoreDBClient): Promise<number> => {
  const measured = loads.reduce((sum, load) => sum + load.appends * load.batch, 0);
  const ownFirstEvent = 1;
  const before = ownFirstEvent + WARM_UP.appends + ROUNDS * measured;
  const long = await append(client, "long", {
    callers: 1,
    batch: FILL_BATCH,
    appends: LONG_STREAM_EVENTS / FILL_BATCH,
  });
  const missing = EVENTS_STORED - before - long.events;
  const filled = await append(client, "filled", {
    callers: 8,
    batch: FILL_BATCH,
    appends: Math.ceil(missing / FILL_BATCH),
  });
  return before + long.events + filled.events;
};

const latency = async (client: EventStoreDBClient, limit: Limit): Promise<Row> => {
  const rounds: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1)
    rounds.push(median(await liveLatencies(client, `live-${round}`, LIVE_EVENTS)));
  return { title: "append to live subscriber, ms", values: rounds, limit: median(limit.commits(LIVE_EVENTS)) };
};

/** From the call until a client that was not connected before has read an event. */
const starts = async (directory: string): Promise<Row> => {
  const times: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const begun = performance.now();
    await serving(directory, async (_, client) => {
      for await (const _ of client.readStream(longStream, { maxCount: 1 })) times.push(performance.now() - begun);
    });
  }
  const begun = performance.now();
  openLimit(directory).close();
  const bare = performance.now() - begun;
  return { title: "start with 1,000,000 events, ms", values: times, limit: bare, goal: { atMost: 1_000 } };
};

const reconcile = (what: string, found: number, expected: number): void => {
  if (found !== expected)
    throw new NotReconciled(`${what}: ${found} events are read and ${expected} were acknowledged`);
};

const cells = ({ title, values, limit, goal }: Row): readonly string[] => {
  const figure = (value: number) => (value < 100 ? value.toFixed(2) : whole(value));
  const middle = median(values);
  const isReached = goal === undefined || ("atLeast" in goal ? middle >= goal.atLeast : middle <= goal.atMost);
  const bound = goal === undefined ? "" : "atLeast" in goal ? `≥ ${whole(goal.atLeast)}` : `≤ ${whole(goal.atMost)}`;
  return [
    title,
    figure(middle),
    values.map(figure).join(" "),
    figure(limit),
    bound,
    goal === undefined ? "" : isReached ? "reached" : "MISSED",
  ];
};
