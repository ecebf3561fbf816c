import { setImmediate as nextTurn } from "node:timers/promises";
import { nameBytesMax } from "../protocol/requests.ts";
import { groupDoesNotExist, groupExists, groupFailed } from "./errors.ts";
import type { Group } from "./group.ts";
import { type GroupConfig, type GroupName, isOfAll, problemOf } from "./groupConfig.ts";
import { createGroupRegistry } from "./groupRegistry.ts";
import type { GroupServices } from "./groupServices.ts";
import type { GroupStatus } from "./groupStatus.ts";
import { checkpointStream, parkedStream } from "./systemEvents.ts";

const groupsPerTurn = 100;

/** What a caller asks a group to be. */
export type GroupRequest = Omit<GroupConfig, "startsAfter">;

export type Groups = {
  create(request: GroupRequest): Promise<void>;
  /** Begins again after the checkpoint, or where the request says when there is none. The filter stays. */
  update(request: GroupRequest): Promise<void>;
  delete(name: GroupName): Promise<void>;
  /** Throws when there is no such group. */
  find(name: GroupName): Promise<Group>;
  statusOf(name: GroupName): Promise<GroupStatus>;
  /** Of the groups of one source, or of all of them. */
  statuses(source: string | undefined): Promise<readonly GroupStatus[]>;
  /** Ends all consumers and begins again from what is stored. */
  restart(): void;
  stop(): void;
};

export function createGroups(services: GroupServices): Groups {
  const { log, writer } = services;
  const registry = createGroupRegistry(services);

  const resolved = (request: GroupRequest): GroupConfig => {
    const { source, settings } = request;
    const { startFrom } = settings;
    const end = isOfAll(request) ? log.lastPosition : log.head(source).revision;
    return { ...request, startsAfter: startFrom === "end" ? end : (startFrom === "start" ? 0 : startFrom) - 1 };
  };

  const check = ({ source, group, settings }: GroupRequest): void => {
    const name = { source, group };
    if (group === "") throw groupFailed(name, "The group has no name.");
    if (Buffer.byteLength(checkpointStream(name)) > nameBytesMax) throw groupFailed(name, "Its names are too long.");
    const problem = problemOf(settings);
    if (problem !== undefined) throw groupFailed(name, problem);
    const isPastEnd = isOfAll(name) && typeof settings.startFrom === "number" && settings.startFrom > log.lastPosition;
    if (isPastEnd) throw groupFailed(name, `The log ends before position ${settings.startFrom}.`);
  };

  const find = async (name: GroupName): Promise<Group> => {
    const group = await registry.groupOf(name);
    if (group === undefined) throw groupDoesNotExist(name);
    return group;
  };

  return {
    find,
    async create(request) {
      check(request);
      if (registry.has(request)) throw groupExists(request);
      await registry.put(resolved(request));
    },
    async update(request) {
      const { filter } = registry.configOf(request);
      check(request);
      await registry.put(resolved({ ...request, filter }));
    },
    async delete(name) {
      registry.halt(name);
      const remove = (stream: string) => writer.write({ kind: "delete", stream, expected: "any" });
      // In this order: a group that is made anew under the name must not find what the old one left.
      await Promise.all([remove(checkpointStream(name)), remove(parkedStream(name)), registry.remove(name)]);
    },
    async statusOf(name) {
      const group = await find(name);
      await log.flushing;
      return group.status();
    },
    async statuses(source) {
      await log.flushing;
      const names = [...registry.configs()].filter((config) => source === undefined || config.source === source);
      const statuses: GroupStatus[] = [];
      for (const name of names) {
        const group = await registry.groupOf(name);
        if (group !== undefined) statuses.push(group.status());
        if (statuses.length % groupsPerTurn === 0) await nextTurn();
      }
      return statuses;
    },
    restart: () => {
      for (const name of [...registry.configs()]) registry.halt(name);
    },
    stop: registry.stop,
  };
}
