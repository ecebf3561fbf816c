import { setImmediate as nextTurn } from "node:timers/promises";
import type { From } from "../reads.ts";
import { createConfigStore } from "./configStore.ts";
import { groupDoesNotExist, groupExists, groupFailed } from "./errors.ts";
import { createGroup, type Group } from "./group.ts";
import { type GroupConfig, type GroupName, groupKey, isOfAll, problemOf } from "./groupConfig.ts";
import type { GroupServices } from "./groupServices.ts";
import { checkpointStream, parkedStream } from "./systemEvents.ts";

const tickMs = 1_000;
const groupsPerTurn = 100;

/** What a caller asks a group to be. */
export type GroupRequest = Omit<GroupConfig, "startsAfter">;

export type Groups = {
  create(request: GroupRequest): Promise<void>;
  update(request: GroupRequest): Promise<void>;
  delete(name: GroupName): Promise<void>;
  /** Throws when there is no such group. The group is at work from then on. */
  find(name: GroupName): Group;
  /** The groups of a source, or of all sources. */
  list(source: string | undefined): Promise<readonly Group[]>;
  /** Ends all consumers and begins again from what is stored. */
  restart(): void;
  stop(): void;
};

type Entry = { readonly config: GroupConfig; group: Group | undefined };

/** All groups of the store. Each is only a few settings until somebody asks for it. */
export function createGroups(services: GroupServices): Groups {
  const { log, writer, onFailure } = services;
  const entries = new Map<string, Entry>();
  const configsNow = function* () {
    for (const { config } of entries.values()) yield config;
  };
  const store = createConfigStore(log, writer, configsNow, onFailure);
  const awake = new Set<Group>();
  let timer: NodeJS.Timeout | undefined;

  const tick = (): void => {
    for (const group of awake) if (!group.tick()) awake.delete(group);
    if (awake.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  const wake = (group: Group): void => {
    awake.add(group);
    timer ??= setInterval(tick, tickMs).unref();
  };

  const entryOf = (name: GroupName): Entry => {
    const entry = entries.get(groupKey(name));
    // The keys of two groups may look alike when a name has the colons that separate its parts.
    if (entry === undefined || entry.config.source !== name.source) throw groupDoesNotExist(name);
    return entry;
  };

  const groupOf = (entry: Entry): Group => {
    entry.group ??= createGroup(entry.config, services);
    return entry.group;
  };

  const halt = ({ group }: Entry): void => {
    if (group === undefined) return;
    awake.delete(group);
    group.stop();
  };

  const startsAfter = (source: string, from: From): number => {
    if (from === "start") return -1;
    if (from !== "end") return from - 1;
    return isOfAll({ source, group: "" }) ? log.lastPosition : log.head(source).revision;
  };

  const check = ({ filter: _, settings, ...name }: GroupRequest): void => {
    const problem = name.group === "" ? "The group has no name." : problemOf(settings);
    if (problem !== undefined) throw groupFailed(name, problem);
    const isPastEnd = isOfAll(name) && typeof settings.startFrom === "number" && settings.startFrom > log.lastPosition;
    if (isPastEnd) throw groupFailed(name, `The log ends before position ${settings.startFrom}.`);
  };

  /** Shows the change at once and takes it back when it cannot be stored. */
  const change = async (key: string, next: Entry | undefined): Promise<number> => {
    const before = entries.get(key);
    const show = (entry: Entry | undefined) => (entry === undefined ? entries.delete(key) : entries.set(key, entry));
    show(next);
    try {
      return await store.save();
    } catch (error) {
      if (entries.get(key) === next) show(before && { ...before, group: undefined });
      throw error;
    }
  };

  const entryFor = (request: GroupRequest): Entry => ({
    config: { ...request, startsAfter: startsAfter(request.source, request.settings.startFrom) },
    group: undefined,
  });

  for (const config of store.load()) entries.set(groupKey(config), { config, group: undefined });
  return {
    async create(request) {
      check(request);
      const key = groupKey(request);
      if (entries.has(key)) throw groupExists(request);
      const position = await change(key, entryFor(request));
      skipOwnCreation(key, position);
    },
    async update(request) {
      const before = entryOf(request);
      check(request);
      halt(before);
      await change(groupKey(request), entryFor({ ...request, filter: before.config.filter }));
    },
    async delete(name) {
      halt(entryOf(name));
      const remove = (stream: string) => writer.write({ kind: "delete", stream, expected: "any" });
      const removals = [remove(checkpointStream(name)), remove(parkedStream(name))];
      await Promise.all([...removals, change(groupKey(name), undefined)]);
    },
    find: (name) => {
      const group = groupOf(entryOf(name));
      wake(group);
      return group;
    },
    async list(source) {
      const found: Group[] = [];
      for (const entry of [...entries.values()]) {
        if (source !== undefined && entry.config.source !== source) continue;
        found.push(groupOf(entry));
        if (found.length % groupsPerTurn === 0) await nextTurn();
      }
      return found;
    },
    restart() {
      for (const entry of entries.values()) {
        halt(entry);
        entry.group = undefined;
      }
    },
    stop() {
      clearInterval(timer);
      for (const entry of entries.values()) halt(entry);
    },
  };

  // A group that begins at the end of all streams need not hear of its own creation.
  function skipOwnCreation(key: string, position: number): void {
    const entry = entries.get(key);
    if (entry === undefined || entry.group !== undefined) return;
    const { config } = entry;
    if (!isOfAll(config) || config.settings.startFrom !== "end") return;
    entries.set(key, { ...entry, config: { ...config, startsAfter: position } });
  }
}
