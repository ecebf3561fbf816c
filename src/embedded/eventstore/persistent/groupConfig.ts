import type { FilterRequest } from "../streams/filters.ts";
import type { From } from "../streams/reads.ts";
import { type StrategyName, strategyNames } from "./consumerStrategy.ts";

export const allStreams = "$all";

export type GroupSettings = {
  readonly startFrom: From;
  readonly resolveLinks: boolean;
  readonly extraStatistics: boolean;
  readonly messageTimeoutMs: number;
  readonly maxRetryCount: number;
  readonly checkpointAfterMs: number;
  readonly minCheckpointCount: number;
  readonly maxCheckpointCount: number;
  /** 0 for any number of them. */
  readonly maxSubscriberCount: number;
  readonly liveBufferSize: number;
  readonly readBatchSize: number;
  readonly historyBufferSize: number;
  readonly strategy: StrategyName;
};

/** What a group reads and who it is. */
export type GroupName = {
  /** A stream's name, or `$all`. */
  readonly source: string;
  readonly group: string;
};

export type GroupConfig = GroupName & {
  readonly filter: FilterRequest | undefined;
  readonly settings: GroupSettings;
  /** The place that `settings.startFrom` meant when it was given: "end" means another one each time it is asked. */
  readonly startsAfter: number;
};

export const groupKey = ({ source, group }: GroupName): string => `${source}::${group}`;

export const isOfAll = ({ source }: GroupName): boolean => source === allStreams;

const int32Max = 2 ** 31 - 1;

/** The least value of each setting that makes sense. */
const leastValues = {
  messageTimeoutMs: 0,
  maxRetryCount: 0,
  checkpointAfterMs: 0,
  minCheckpointCount: 0,
  maxCheckpointCount: 0,
  maxSubscriberCount: 0,
  liveBufferSize: 1,
  readBatchSize: 1,
  historyBufferSize: 1,
} satisfies Partial<Record<keyof GroupSettings, number>>;

type NumericSetting = keyof typeof leastValues;

const numericSettings = Object.entries(leastValues);

const isNumericSetting = (name: string): name is NumericSetting => name in leastValues;

/** Why a group cannot be configured like that, or undefined when it can. */
export function problemOf(settings: GroupSettings): string | undefined {
  for (const [name, least] of numericSettings) {
    const value = isNumericSetting(name) ? settings[name] : Number.NaN;
    if (!Number.isInteger(value) || value < least || value > int32Max) {
      return `${name} must be a whole number of at least ${least} and is ${value}.`;
    }
  }
  const { readBatchSize, historyBufferSize } = settings;
  if (readBatchSize < historyBufferSize) return undefined;
  return `readBatchSize (${readBatchSize}) must be less than historyBufferSize (${historyBufferSize}).`;
}

/** What most groups are given. A setting that is not written down has this value, so it must never change. */
const usualSettings: GroupSettings = {
  startFrom: "end",
  resolveLinks: false,
  extraStatistics: false,
  messageTimeoutMs: 30_000,
  maxRetryCount: 10,
  checkpointAfterMs: 2_000,
  minCheckpointCount: 10,
  maxCheckpointCount: 1_000,
  maxSubscriberCount: 0,
  liveBufferSize: 500,
  readBatchSize: 20,
  historyBufferSize: 500,
  strategy: "RoundRobin",
};

const usualValues: ReadonlyMap<string, unknown> = new Map(Object.entries(usualSettings));

const unusual = (settings: GroupSettings): Json =>
  Object.fromEntries(Object.entries(settings).filter(([name, value]) => usualValues.get(name) !== value));

/** Short, because all groups are written down whenever one of them changes. */
export const toJson = (configs: Iterable<GroupConfig>): string =>
  JSON.stringify({
    version: 1,
    groups: Array.from(configs, ({ settings, ...config }) => ({ ...config, settings: unusual(settings) })),
  });

/** Throws a TypeError when the text is not what `toJson` made: anybody may write to the stream where it is kept. */
export function fromJson(text: string): readonly GroupConfig[] {
  const content = record(JSON.parse(text), "configuration");
  const groups = content["groups"];
  if (content["version"] !== 1 || !Array.isArray(groups)) throw new TypeError("The configuration has no groups.");
  return groups.map((group: unknown) => config(record(group, "group")));
}

type Json = Readonly<Record<string, unknown>>;

function config(json: Json): GroupConfig {
  const { filter } = json;
  return {
    source: text(json, "source"),
    group: text(json, "group"),
    startsAfter: integer(json, "startsAfter"),
    filter: filter === undefined ? undefined : filterFrom(record(filter, "filter")),
    settings: settingsFrom({ ...usualSettings, ...record(json["settings"], "settings") }),
  };
}

function settingsFrom(json: Json): GroupSettings {
  const { startFrom, strategy } = json;
  const knownStrategy = strategyNames.find((name) => name === strategy);
  if (knownStrategy === undefined) throw new TypeError(`There is no consumer strategy ${strategy}.`);
  return {
    startFrom: startFrom === "start" || startFrom === "end" ? startFrom : integer(json, "startFrom"),
    resolveLinks: json["resolveLinks"] === true,
    extraStatistics: json["extraStatistics"] === true,
    messageTimeoutMs: integer(json, "messageTimeoutMs"),
    maxRetryCount: integer(json, "maxRetryCount"),
    checkpointAfterMs: integer(json, "checkpointAfterMs"),
    minCheckpointCount: integer(json, "minCheckpointCount"),
    maxCheckpointCount: integer(json, "maxCheckpointCount"),
    maxSubscriberCount: integer(json, "maxSubscriberCount"),
    liveBufferSize: integer(json, "liveBufferSize"),
    readBatchSize: integer(json, "readBatchSize"),
    historyBufferSize: integer(json, "historyBufferSize"),
    strategy: knownStrategy,
  };
}

function filterFrom(json: Json): FilterRequest {
  const prefixes = json["prefixes"];
  if (!Array.isArray(prefixes)) throw new TypeError("A filter has no prefixes.");
  return {
    on: json["on"] === "stream" ? "stream" : "type",
    regex: text(json, "regex"),
    prefixes: prefixes.map(String),
    checkpointInterval: integer(json, "checkpointInterval"),
  };
}

function record(value: unknown, name: string): Json {
  if (typeof value !== "object" || value === null) throw new TypeError(`The ${name} is no object.`);
  return { ...value };
}

function text(json: Json, name: string): string {
  const value = json[name];
  if (typeof value !== "string") throw new TypeError(`${name} is no text.`);
  return value;
}

function integer(json: Json, name: string): number {
  const value = json[name];
  if (typeof value !== "number" || !Number.isInteger(value)) throw new TypeError(`${name} is no whole number.`);
  return value;
}
