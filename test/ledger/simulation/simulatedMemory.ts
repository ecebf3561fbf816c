import type { CarriedOut, CommandMemory, Snapshot } from "../../../src/commands/commandMemory.ts";
import { Unavailable } from "../../../src/platform/unavailable.ts";
import type { Random } from "../random.ts";
import type { Weather } from "./simulatedStore.ts";
import type { VirtualTime } from "./virtualTime.ts";

type Kept = { version: number; snapshot: Snapshot | undefined; commands: Map<string, CarriedOut> };

type SimulatedMemory = {
  connect(): { memory: CommandMemory; cut(): void };
  /** Throws away what is kept of all ledgers, their snapshots alone, or what was kept last, as a crash does. */
  drop(what: "everything" | "snapshots" | "newest"): void;
};

const never = new Promise<never>(() => undefined);

/** What is kept beside the stream, of all processes: it fails at times, and what it keeps may go at any time. */
export const simulatedMemory = (
  time: VirtualTime,
  random: Random,
  weather: Pick<Weather, "forgetful" | "slow">,
): SimulatedMemory => {
  const ledgers = new Map<string, Kept>();
  const keptBefore = new Map<string, Kept>();
  const keptOf = (ledger: string): Kept =>
    ledgers.get(ledger) ?? { version: 0, snapshot: undefined, commands: new Map() };

  const connect = () => {
    let isCut = false;
    /** There and back; what has happened there has happened, whether or not it is heard of here. */
    const reached = async <T>(act: () => T): Promise<T> => {
      const travel = async () => {
        if (isCut) return never;
        await time.sleep(random.chance(weather.slow) ? random.below(3_000) : random.next() * 3);
        if (random.chance(weather.forgetful)) throw new Unavailable("the simulated memory does not answer");
      };
      await travel();
      const result = act();
      await travel();
      return isCut ? never : result;
    };

    const memory: CommandMemory = {
      snapshot: (ledger, foldVersion) =>
        reached(() => {
          const { version, snapshot, commands } = keptOf(ledger);
          const counts = version === foldVersion && snapshot && commands.has(snapshot.lastCommandId);
          return counts ? { ...snapshot, state: JSON.parse(JSON.stringify(snapshot.state)) } : undefined;
        }),
      recall: (ledger, lastCommandId, commandIds) =>
        reached(() => {
          const { commands } = keptOf(ledger);
          if (!commands.has(lastCommandId)) return undefined;
          return new Map([...commands].filter(([id]) => commandIds.includes(id)));
        }),
      keep: (ledger, { version, snapshot }, commands, since) => {
        const state = JSON.stringify(snapshot.state);
        return reached(() => {
          const kept = keptOf(ledger);
          if (since !== undefined && !kept.commands.has(since)) return false;
          const isNewer = !kept.snapshot || kept.version !== version || kept.snapshot.revision < snapshot.revision;
          keptBefore.set(ledger, kept);
          ledgers.set(ledger, {
            version: isNewer ? version : kept.version,
            snapshot: isNewer ? { ...snapshot, state: JSON.parse(state) } : kept.snapshot,
            commands: new Map([...commands, ...kept.commands]),
          });
          return true;
        });
      },
      forget: (ledger) => reached(() => void ledgers.delete(ledger)),
    };
    const cut = () => {
      isCut = true;
    };
    return { memory, cut };
  };

  return {
    connect,
    drop(what) {
      if (what === "everything") ledgers.clear();
      else if (what === "newest") for (const [ledger, kept] of keptBefore) ledgers.set(ledger, kept);
      else for (const kept of ledgers.values()) kept.snapshot = undefined;
    },
  };
};
