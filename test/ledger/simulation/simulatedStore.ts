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
  const streams = new Map<string, StoredEvent[]>();
  const all: StoredEvent[] = [];
  let isUp = true;
  let position = 0n;
  const listeners: (() => void)[] = [];

  const events = (stream: string): readonly StoredEvent[] => streams.get(stream) ?? [];

  /** All or nothing, at the revision expected; the same events once more are the ones that are there. */
  const write = (stream: string, added: readonly NewEvent[], expected: bigint): Appended | "conflict" => {
    const there = events(stream);
    const from = Number(expected) + 1;
    const last = there[from + added.length - 1];
    if (last && added.every(({ id }, index) => there[from + index]?.id === id))
      return { revision: last.revision, position: last.position };
    if (there.length !== from) return "conflict";
    const written = added.map((event, index): StoredEvent => {
      position += BigInt(1 + random.below(200));
      return { ...asStored(event), id: event.id, type: event.type, stream, revision: BigInt(from + index), position };
    });
    streams.set(stream, [...there, ...written]);
    all.push(...written);
    for (const heard of listeners.splice(0)) heard();
    return { revision: BigInt(from + added.length - 1), position };
  };

  const latency = (): number => (random.chance(weather.slow) ? random.below(6_000) : random.next() * 4);

  const connect = (): Connection => {
    let isCut = false;
    const pause = async (): Promise<void> => {
      if (isCut) return never;
      await time.sleep(latency());
      if (isCut) return never;
    };
    const reach = async (): Promise<void> => {
      await pause();
      if (!isUp || random.chance(weather.broken))
        throw new EventStoreUnavailable("the simulated store does not answer");
    };

    const append: EventStore["append"] = (stream, added, expected) => {
      if (isCut) return never;
      return new Promise((resolve, reject) => {
        const settle = (happen: () => void) => {
          if (!isCut) happen();
        };
        time.after(answerTimeoutMs, () => settle(() => reject(new AppendAnswerLost("no answer came in time"))));
        if (random.chance(weather.lost)) return;
        const arrive = (isAnswered: boolean) => {
          if (!isUp) return settle(() => reject(new AppendAnswerLost("the connection broke")));
          const answer = write(stream, added, expected);
          if (!isAnswered) return;
          if (random.chance(weather.lost)) {
            time.after(latency(), () => settle(() => reject(new AppendAnswerLost("the connection broke"))));
            return;
          }
          time.after(latency(), () => settle(() => resolve(answer)));
        };
        if (!isUp) {
          time.after(latency(), () => settle(() => reject(new EventStoreUnavailable("the simulated store is away"))));
          return;
        }
        time.after(latency(), () => arrive(true));
        if (random.chance(weather.repeated)) time.after(latency() + latency(), () => isUp && arrive(false));
      });
    };

    async function* read(stream: string, from = 0n, count = Number.MAX_SAFE_INTEGER): AsyncGenerator<StoredEvent> {
      await reach();
      const end = Number(from) + count;
      for (let at = Number(from); at < end; ) {
        const page = events(stream).slice(at, Math.min(end, at + 1 + random.below(8)));
        if (page.length === 0) return;
        yield* page;
        at += page.length;
        if (random.chance(0.1)) await reach();
      }
    }

    async function* follow(options: Parameters<EventStore["follow"]>[0]): AsyncGenerator<Followed> {
      let after = options.after;
      let isCaughtUp = false;
      const isWanted = ({ stream, position }: StoredEvent) =>
        position > after && options.categories.some((category) => stream.startsWith(`${category}-`));
      while (!options.signal.aborted) {
        const event = all.find(isWanted);
        await pause();
        if (!isUp || random.chance(weather.broken)) {
          options.onDisconnect?.();
          isCaughtUp = false;
          await time.sleep(50 + random.below(2_000));
        } else if (event) {
          after = event.position;
          yield { kind: "event", event };
        } else if (isCaughtUp) {
          if (!all.some(isWanted)) await new Promise<void>((heard) => listeners.push(heard));
        } else {
          isCaughtUp = true;
          yield { kind: "caughtUp" };
        }
      }
    }

    const newest = async () => {
      await reach();
      return all.at(-1);
    };
    return {
      store: {
        ...{ append, read, follow, newest },
        last: async (stream) => {
          await reach();
          return events(stream).at(-1);
        },
        head: async () => (await newest())?.position ?? -1n,
        at: async (position) => {
          await reach();
          return all.find((event) => event.position === position);
        },
        isReachable: async () => isUp,
      },
      cut() {
        isCut = true;
      },
    };
  };

  return {
    connect,
    events,
    setUp(up) {
      isUp = up;
    },
  };
};

/** What is stored is never the object that was handed over. */
const asStored = ({ data, metadata }: NewEvent): Pick<NewEvent, "data" | "metadata"> => ({
  data: JSON.parse(JSON.stringify(data)),
  metadata: JSON.parse(JSON.stringify(metadata)),
});
