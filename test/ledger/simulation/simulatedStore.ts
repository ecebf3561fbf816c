import {
  AppendAnswerLost,
  type Appended,
  type EventStore,
  EventStoreUnavailable,
  type Followed,
  type NewEvent,
  type StoredEvent,
} from "../../../src/eventstore/store.ts";
import type { Random } from "../random.ts";
import type { VirtualTime } from "./virtualTime.ts";

/** How likely each trouble is, request by request. */
export type Weather = {
  /** A request never arrives, an answer never comes back. */
  lost: number;
  /** A request arrives a second time, later. */
  repeated: number;
  /** A request, or an answer, takes seconds. */
  slow: number;
  /** A read, or a subscription, breaks off. */
  broken: number;
  /** What is kept beside the streams cannot be asked. */
  forgetful: number;
};

type Connection = {
  store: EventStore /** Its process is dead: nothing reaches it, and nothing comes from it. */;
  cut(): void;
};

type SimulatedStore = {
  connect(): Connection;
  /** Until it is up again, nothing is taken and nothing answered. */
  setUp(isUp: boolean): void;
  events(stream: string): readonly StoredEvent[];
};

const answerTimeoutMs = 4_000;
const never = new Promise<never>(() => undefined);

/** The event store as its clients meet it over a bad network: a test double of the world outside. */
export const simulatedStore = (time: VirtualTime, random: Random, weather: Weather): SimulatedStore => {
  const server = serverOf(random);
  return {
    connect() {
      let isCut = false;
      const line: Line = { server, time, random, weather, isCut: () => isCut };
      const cut = () => {
        isCut = true;
      };
      return { store: storeOver(line), cut };
    },
    events: server.events,
    setUp(isUp) {
      server.isUp = isUp;
    },
  };
};

type Server = {
  isUp: boolean;
  all: readonly StoredEvent[];
  events(stream: string): readonly StoredEvent[];
  /** All or nothing, at the revision expected; the same events once more are the ones that are there. */
  write(stream: string, added: readonly NewEvent[], expected: bigint): Appended | "conflict";
  /** Until something is written. */
  written(): Promise<void>;
};

const serverOf = (random: Random): Server => {
  const streams = new Map<string, readonly StoredEvent[]>();
  const all: StoredEvent[] = [];
  const listeners: (() => void)[] = [];
  let position = 0n;
  const events = (stream: string): readonly StoredEvent[] => streams.get(stream) ?? [];

  return {
    isUp: true,
    all,
    events,
    write(stream, added, expected) {
      const there = events(stream);
      const from = Number(expected) + 1;
      const last = there[from + added.length - 1];
      if (last && added.every(({ id }, index) => there[from + index]?.id === id))
        return { revision: last.revision, position: last.position };
      if (there.length !== from) return "conflict";
      const written = added.map((event, index): StoredEvent => {
        position += BigInt(1 + random.below(200));
        const { id, type } = event;
        return { ...asStored(event), id, type, stream, revision: BigInt(from + index), position };
      });
      streams.set(stream, [...there, ...written]);
      all.push(...written);
      for (const heard of listeners.splice(0)) heard();
      return { revision: BigInt(from + added.length - 1), position };
    },
    written: () => new Promise((heard) => listeners.push(heard)),
  };
};

type Line = { server: Server; time: VirtualTime; random: Random; weather: Weather; isCut(): boolean };

const storeOver = (line: Line): EventStore => {
  const { server } = line;
  const newest = async () => {
    await reach(line);
    return server.all.at(-1);
  };
  return {
    append: (stream, added, expected) =>
      append(line, (): Appended | "conflict" => server.write(stream, added, expected)),
    read: (stream, from, count) => read(line, stream, from, count),
    follow: (options) => follow(line, options),
    newest,
    head: async () => (await newest())?.position ?? -1n,
    async last(stream) {
      await reach(line);
      return server.events(stream).at(-1);
    },
    async at(position) {
      await reach(line);
      return server.all.find((event) => event.position === position);
    },
    isReachable: async () => server.isUp,
  };
};

const latency = ({ random, weather }: Line): number =>
  random.chance(weather.slow) ? random.below(6_000) : random.next() * 4;

const pause = async (line: Line): Promise<void> => {
  if (line.isCut()) return never;
  await line.time.sleep(latency(line));
  if (line.isCut()) return never;
};

const reach = async (line: Line): Promise<void> => {
  await pause(line);
  if (!line.server.isUp || line.random.chance(line.weather.broken))
    throw new EventStoreUnavailable("the simulated store does not answer");
};

/** The request may be lost on its way, or come twice; the answer may be lost, or come too late to be heard. */
const append = <T>(line: Line, write: () => T): Promise<T> => {
  const { server, time, random, weather, isCut } = line;
  if (isCut()) return never;
  return new Promise((resolve, reject) => {
    const later = (happen: () => void, ms = latency(line)) => time.after(ms, () => isCut() || happen());
    const lose = () => reject(new AppendAnswerLost("the simulated connection broke"));
    later(lose, answerTimeoutMs);
    if (random.chance(weather.lost)) return;
    if (!server.isUp) return later(() => reject(new EventStoreUnavailable("the simulated store is away")));
    // What is under way arrives, whether or not its sender is still there.
    time.after(latency(line), () => {
      if (!server.isUp) return isCut() || lose();
      const answer = write();
      later(random.chance(weather.lost) ? lose : () => resolve(answer));
    });
    if (random.chance(weather.repeated)) time.after(latency(line) + latency(line), () => server.isUp && write());
  });
};

/** Page by page, each as the stream is by then. */
async function* read(
  line: Line,
  stream: string,
  from = 0n,
  count = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<StoredEvent> {
  await reach(line);
  const end = Number(from) + count;
  for (let at = Number(from); at < end; ) {
    const page = line.server.events(stream).slice(at, Math.min(end, at + 1 + line.random.below(8)));
    if (page.length === 0) return;
    yield* page;
    at += page.length;
    if (line.random.chance(0.1)) await reach(line);
  }
}

async function* follow(line: Line, options: Parameters<EventStore["follow"]>[0]): AsyncGenerator<Followed> {
  const { server, time, random, weather } = line;
  let { after } = options;
  let isCaughtUp = false;
  const isWanted = ({ stream, position }: StoredEvent) =>
    position > after && options.categories.some((category) => stream.startsWith(`${category}-`));
  while (!options.signal.aborted) {
    const event = server.all.find(isWanted);
    await pause(line);
    if (!server.isUp || random.chance(weather.broken)) {
      options.onDisconnect?.();
      isCaughtUp = false;
      await time.sleep(50 + random.below(2_000));
    } else if (event) {
      after = event.position;
      yield { kind: "event", event };
    } else if (!isCaughtUp) {
      isCaughtUp = true;
      yield { kind: "caughtUp" };
    } else if (!server.all.some(isWanted)) await server.written();
  }
}

/** What is stored is never the object that was handed over. */
const asStored = ({ data, metadata }: NewEvent): Pick<NewEvent, "data" | "metadata"> => ({
  data: JSON.parse(JSON.stringify(data)),
  metadata: JSON.parse(JSON.stringify(metadata)),
});
