import type { CommandMemory } from "../../../src/commands/commandMemory.ts";
import { commandHandler } from "../../../src/commands/handler.ts";
import type { Limits } from "../../../src/commands/limits.ts";
import type { RightOfWay } from "../../../src/commands/turns.ts";
import { eventCodec } from "../../../src/eventstore/codec.ts";
import type { EventStore } from "../../../src/eventstore/store.ts";
import { derivedId } from "../../../src/kernel/ids.ts";
import { type Delivered, delivering } from "../deliver.ts";
import type { Random } from "../random.ts";
import { recorded, type Watched } from "../recording.ts";
import { type Asked, type LedgerCommands, ledgerCommands } from "../requests.ts";
import { simulatedMemory } from "./simulatedMemory.ts";
import { simulatedRightOfWay } from "./simulatedRightOfWay.ts";
import { simulatedStore, type Weather } from "./simulatedStore.ts";
import type { VirtualTime } from "./virtualTime.ts";

/** What is broken on purpose, to see that it is found. */
export type Breakage = {
  commands?: Partial<LedgerCommands>;
  store?: (store: EventStore) => EventStore;
  memory?: (memory: CommandMemory) => CommandMemory;
  rightOfWay?: (rightOfWay: RightOfWay) => RightOfWay;
  asked?: (asked: Asked) => Asked;
};

export type Process = { deliver: ReturnType<typeof delivering>; cut(): void; died: Promise<undefined> };

export const instant = (time: VirtualTime): string => new Date(time.now()).toISOString();
export const idOf = (time: VirtualTime): string => derivedId("simulated", time.tick());

/** Nothing in a ledger's events is personal. */
const codec = eventCodec({ keysToRead: async () => new Map(), keysToWrite: async () => new Map() });

export type World = ReturnType<typeof worldOf>;

type Site = {
  time: VirtualTime;
  random: Random;
  weather: Weather;
  store: ReturnType<typeof simulatedStore>;
  memory: ReturnType<typeof simulatedMemory>;
  boot(): Process;
  running: Process[];
};

const siteOf = (time: VirtualTime, random: Random, breakage: Breakage): Site => {
  const weather = weatherOf(random);
  const store = simulatedStore(time, random, weather);
  const memory = simulatedMemory(time, random, weather);
  const wayThrough = simulatedRightOfWay(time, random, weather);
  const limits = limitsOf(random);
  const commands = { ...ledgerCommands, ...breakage.commands };
  const isFollowing = random.chance(0.5);

  const boot = (): Process => {
    const [connection, remembering, telling] = [store.connect(), memory.connect(), wayThrough.connect()];
    const handler = commandHandler({
      store: breakage.store?.(connection.store) ?? connection.store,
      memory: breakage.memory?.(remembering.memory) ?? remembering.memory,
      rightOfWay: breakage.rightOfWay?.(telling.rightOfWay) ?? telling.rightOfWay,
      ...{ codec, categories: ["credit_ledger"], hashInput: (input: string) => input, limits },
    });
    if (isFollowing) handler.start();
    const { promise: died, resolve } = Promise.withResolvers<undefined>();
    const cut = () => {
      connection.cut();
      remembering.cut();
      telling.cut();
      resolve(undefined);
    };
    return { deliver: delivering(handler, commands), cut, died };
  };
  const running = Array.from({ length: random.chance(0.7) ? 2 : 1 }, boot);
  return { time, random, weather, store, memory, boot, running };
};

/** Processes of one installation, with the store and the memory they share. */
export const worldOf = (time: VirtualTime, random: Random, breakage: Breakage) => {
  const site = siteOf(time, random, breakage);
  const { weather, store, running } = site;

  /** One delivery. @returns what was told; nothing when that is unknown */
  const deliver = async (
    ledger: Watched,
    items: readonly Asked[],
    isAtomic: boolean,
    process = random.pick(running),
  ): Promise<Delivered[] | undefined> => {
    const sent = items.map((item) => breakage.asked?.(item) ?? item);
    const heard = recorded(ledger, items, isAtomic, {
      tick: time.tick,
      send: () => process.deliver.all(sent, isAtomic, ledger.known),
    });
    const hurry = random.chance(0.05) ? [time.sleep(random.below(3_000)).then(() => undefined)] : [];
    return Promise.race([heard, process.died, ...hurry]);
  };

  /** A caller who was not told what became of it asks again, mostly. */
  const send = async (ledger: Watched, items: readonly Asked[]): Promise<boolean> => {
    const isAtomic = items.length > 1 && random.chance(0.6);
    let again = items;
    for (let attempts = 0; attempts < 20; attempts += 1) {
      if (await deliver(ledger, again, isAtomic)) return true;
      if (random.chance(0.1)) return false;
      await time.sleep(random.below(2_000));
      const now = instant(time);
      again = items.map((item) => ({ ...item, deliveryId: idOf(time), now: random.chance(0.5) ? now : item.now }));
    }
    return false;
  };

  return {
    events: (workspaceId: string) => store.events(`credit_ledger-${workspaceId}`),
    deliver,
    send,
    processes: (): readonly Process[] => running,
    trouble: (isOver: () => boolean) => startTrouble(site, isOver),
    /** Nothing goes wrong any more. */
    calm() {
      Object.assign(weather, fair);
      store.setUp(true);
    },
    end() {
      for (const process of running) process.cut();
    },
  };
};

/** Something goes wrong now and then, until it is over. */
const startTrouble = ({ time, random, store, memory, boot, running }: Site, isOver: () => boolean): void => {
  const kinds = [
    () => {
      const index = random.below(running.length);
      running[index]?.cut();
      running[index] = boot();
    },
    () => {
      store.setUp(false);
      time.after(random.pick([5, 500, 8_000, 15_000]), () => store.setUp(true));
    },
    () => time.stepClock(random.pick([-200 * 86_400_000, -3_600_000, -5_000, -7, 7, 5_000, 3_600_000])),
    () => memory.drop("everything"),
    () => memory.drop("snapshots"),
    () => memory.drop("newest"),
  ];
  const every = random.pick([5, 50, 1_000, 20_000, 10 ** 9]);
  let left = random.below(8);
  const strike = () => {
    left -= 1;
    if (isOver() || left < 0) return;
    random.pick(kinds)();
    time.after(random.below(every) + 1, strike);
  };
  time.after(random.below(every), strike);
};

const weatherOf = (random: Random): Weather => {
  const some = () => random.pick([0, 0, 0, 0.02, 0.1]);
  return { lost: some(), repeated: some(), slow: some(), broken: some(), forgetful: random.pick([0, 0.05, 0.3]) };
};
const fair: Weather = { lost: 0, repeated: 0, slow: 0, broken: 0, forgetful: 0 };

const limitsOf = (random: Random): Partial<Limits> => {
  const snapshotEvery = random.pick([2, 5, 500]);
  return {
    lanesMax: random.pick([1, 2, 100]),
    heldCommandsMax: random.pick([3, 100, 10_000]),
    waitingMax: random.pick([2, 100, 100]),
    batchCommandsMax: random.pick([1, 2, 500]),
    batchBytesMax: random.pick([4_000, 960 * 1024]),
    attemptsMax: random.pick([2, 40, 40]),
    snapshotEvery,
    heldByLedgerMax: snapshotEvery * 2 + random.pick([1, 1_000]),
  };
};
