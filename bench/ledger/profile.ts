import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { table, tenths } from "../table.ts";

const FUNCTIONS_SHOWN = 15;
/** Layers that take less are summed up. */
const LAYER_SHARE_MIN = 0.01;

/** From when to when, in ns of the clock that V8 profiles by too, and how many debits it was spent on. */
export type Window = { from: bigint; to: bigint; debits: number };

const Profile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
      children: z.array(z.number()).optional(),
    }),
  ),
  /** In µs, as are the deltas, each of which stands before its sample. */
  startTime: z.number(),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});
type Profile = z.output<typeof Profile>;
type Node = Profile["nodes"][number];

/** For every thread that was profiled: what it did, by layer and by function, in µs of its time for each debit. */
export const profileReport = async (
  directory: string,
  windows: readonly Window[],
  eventStore: number | undefined,
): Promise<string> => {
  const debits = windows.reduce((sum, window) => sum + window.debits, 0);
  const names = (await readdir(directory)).filter((name) => name.endsWith(".cpuprofile")).sort();
  const reports: string[] = [];
  for (const name of names) {
    const profile = Profile.parse(JSON.parse(await readFile(join(directory, name), "utf8")));
    const times = timesIn(profile, windows);
    if (times.size > 0) reports.push(`${threadOf(name, eventStore)}\n${tables(profile, times, debits)}`);
  }
  return `${reports.join("\n\n")}\n\nThe profiles are in ${directory}: Chrome's developer tools open them.`;
};

/** Node names a profile by date, time, process, thread and number. */
const threadOf = (name: string, eventStore: number | undefined): string => {
  const [, , , process, thread] = name.split(".").map(Number);
  if (process === eventStore) return "event store";
  return thread === 0 ? "API main thread" : thread === 1 ? "follower thread" : `worker thread ${thread}`;
};

/** The time of each node itself, in µs, as far as it was sampled inside a window. */
const timesIn = ({ startTime, samples, timeDeltas }: Profile, windows: readonly Window[]): Map<number, number> => {
  const bounds = windows.map(({ from, to }) => ({ from: Number(from) / 1_000, to: Number(to) / 1_000 }));
  const times = new Map<number, number>();
  let now = startTime;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    now += delta;
    if (bounds.some(({ from, to }) => now >= from && now < to)) times.set(id, (times.get(id) ?? 0) + delta);
  }
  return times;
};

const tables = ({ nodes }: Profile, times: ReadonlyMap<number, number>, debits: number): string => {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const layers = new Map<string, number>();
  const functions = new Map<string, number>();
  const add = (sums: Map<string, number>, name: string, us: number) => sums.set(name, (sums.get(name) ?? 0) + us);
  for (const [id, us] of times) {
    const node = byId.get(id);
    if (node === undefined || node.callFrame.functionName === "(idle)") continue;
    add(layers, layerOf(node, parents, byId), us);
    add(functions, functionOf(node), us);
  }
  const busy = [...layers.values()].reduce((sum, us) => sum + us, 0);
  const shown = new Map<string, number>();
  for (const [layer, us] of layers) add(shown, us < busy * LAYER_SHARE_MIN ? "less than 1 % each" : layer, us);
  const rows = (sums: ReadonlyMap<string, number>) =>
    [...sums]
      .sort(([, a], [, b]) => b - a)
      .map(([name, us]) => [name, tenths(us / debits), `${tenths((us / busy) * 100)} %`]);
  const all = ["all", tenths(busy / debits), "100.0 %"];
  return [
    table(["by layer", "µs a debit", "share"], [all, ...rows(shown)]),
    table(["by function, itself alone", "µs a debit", "share"], rows(functions).slice(0, FUNCTIONS_SHOWN)),
  ].join("\n\n");
};

/** What has no file is the engine's own, such as JSON or a collection: it belongs to the layer that called it. */
const layerOf = (node: Node, parents: ReadonlyMap<number, number>, byId: ReadonlyMap<number, Node>): string => {
  const { url, functionName } = node.callFrame;
  if (url !== "") return layerAt(url);
  if (functionName === "(garbage collector)") return "garbage collection";
  if (functionName === "(program)") return "outside of JavaScript";
  const parent = byId.get(parents.get(node.id) ?? -1);
  return parent === undefined ? "the engine" : layerOf(parent, parents, byId);
};

const layerAt = (url: string): string => {
  const [, dependency] = url.match(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/) ?? [];
  if (dependency !== undefined) return dependency;
  const [, folder] = url.match(/\/(src\/(?:embedded\/[^/]+\/[^/.]+|[^/.]+))/) ?? [];
  if (folder !== undefined) return folder;
  const [, own] = url.match(/^(node:(?:internal\/)?[^/]+)/) ?? [];
  return own?.replace("internal/", "") ?? url;
};

const functionOf = ({ callFrame: { functionName, url, lineNumber } }: Node): string => {
  const place = url.replace(/^.*?\/(?=node_modules\/|src\/)/, "");
  return `${functionName || "(anonymous)"}${place === "" ? "" : ` ${place}:${lineNumber + 1}`}`;
};
