import { createConfigStore } from "./configStore.ts";
import { groupDoesNotExist } from "./errors.ts";
import { createGroup, type Group } from "./group.ts";
import { type GroupConfig, type GroupName, groupKey } from "./groupConfig.ts";
import type { GroupServices } from "./groupServices.ts";
import { configStream } from "./systemEvents.ts";
import { createTicker } from "./ticker.ts";

/** A group; it is only a few settings until somebody asks for it. */
type Entry = {
  readonly config: GroupConfig;
  group: Group | undefined;
  /** Resolves when nothing is being written any more for a group that had this name before. */
  settled: Promise<unknown> | undefined;
};

type GroupRegistry = {
  has(name: GroupName): boolean;
  /** Throws when there is no such group. */
  configOf(name: GroupName): GroupConfig;
  configs(): Iterable<GroupConfig>;
  /** The group at work, which begins with what its predecessors have stored. Undefined when there is no such group. */
  groupOf(name: GroupName): Promise<Group | undefined>;
  /** Adds a group or replaces it, at once. Resolves when that is durable. */
  put(config: GroupConfig): Promise<void>;
  /** As `put`, and it is gone at once. */
  remove(name: GroupName): Promise<void>;
  /** Ends the group's work and its consumers' calls; whoever asks for it next finds a new one. */
  halt(name: GroupName): void;
  stop(): void;
};

/** All groups of the store, and the one event in which they are kept. */
export function createGroupRegistry(services: GroupServices): GroupRegistry {
  const entries = new Map<string, Entry>();
  const ticker = createTicker<Group>();
  const configs = () => entries.values().map(({ config }) => config);
  const store = createConfigStore(services, configs);
  for (const config of store.load()) entries.set(groupKey(config), { config, group: undefined, settled: undefined });

  const entryOf = (name: GroupName): Entry => {
    const entry = entryNamed(name, entries);
    if (entry === undefined) throw groupDoesNotExist(name);
    return entry;
  };

  const settledEntry = async (name: GroupName): Promise<Entry | undefined> => {
    const entry = entryNamed(name, entries);
    const settled = entry?.settled;
    await settled;
    return entryNamed(name, entries) === entry && entry?.settled === settled ? entry : settledEntry(name);
  };

  const halt = (entry: Entry): void => {
    if (entry.group === undefined) return;
    ticker.remove(entry.group);
    entry.group.stop();
    entry.group = undefined;
    entry.settled = everythingDecided(services);
  };

  /** Takes the change back when it cannot be stored. */
  const change = async (key: string, next: Entry | undefined): Promise<void> => {
    const before = entries.get(key);
    const show = (entry: Entry | undefined) => (entry === undefined ? entries.delete(key) : entries.set(key, entry));
    if (before !== undefined) halt(before);
    show(next);
    try {
      await store.save();
    } catch (error) {
      if (entries.get(key) === next) show(before);
      throw error;
    }
  };

  return {
    has: (name) => entries.has(groupKey(name)),
    configOf: (name) => entryOf(name).config,
    configs,
    groupOf: async (name) => {
      const entry = await settledEntry(name);
      if (entry === undefined) return undefined;
      const group = entry.group ?? createGroup(entry.config, services);
      entry.group = group;
      ticker.add(group, group.tick);
      return group;
    },
    put: (config) => change(groupKey(config), { config, group: undefined, settled: everythingDecided(services) }),
    remove: (name) => change(groupKey(name), undefined),
    halt: (name) => halt(entryOf(name)),
    stop: () => {
      ticker.stop();
      for (const entry of entries.values()) halt(entry);
    },
  };
}

function entryNamed(name: GroupName, entries: ReadonlyMap<string, Entry>): Entry | undefined {
  const entry = entries.get(groupKey(name));
  // The keys of two groups may look alike when a name has the colons that separate its parts.
  return entry?.config.source === name.source ? entry : undefined;
}

/** Resolves when all writes so far are answered: that happens in order, and a write of nothing comes last. */
const everythingDecided = ({ writer }: GroupServices): Promise<unknown> =>
  writer.write({ kind: "append", stream: configStream, expected: "any", events: [] }).catch(() => {});
