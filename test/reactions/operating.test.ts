import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { type EventStore, noStream } from "../../src/eventstore/store.ts";
import { runReactions } from "../../src/reactions/runner.ts";
import { codec, log } from "../projections/jars.ts";
import { until } from "../projections/readSide.ts";
import { systemMetadata } from "../support/metadata.ts";
import { onLabels } from "./labels.ts";

const stack = new AsyncDisposableStack();
const jarId = "0b0e3d1c-7d0c-4a6e-9a55-0c1f8f3f2f10";
let directory: string;
let eventStore: EmbeddedEventStore;
let store: EventStore & Pick<ReturnType<typeof eventStoreDb>, "groups">;
let isMended = false;
const had: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "everfold-reactions-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  eventStore = stack.use(await startEventStore({ memory: true }));
  const opened = eventStoreDb({ url: eventStore.url });
  stack.defer(() => opened.close());
  store = opened;
});
afterAll(() => stack.disposeAsync());

const entry = fileURLToPath(new URL("../../src/reactionGroups.ts", import.meta.url));
const reactions = async (...args: string[]) => {
  const env = { PATH: process.env["PATH"], DATA_DIR: join(directory, "data"), EVENTSTORE_URL: eventStore.url };
  const child = spawn(process.execPath, [entry, ...args], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      output += text;
    });
  const [code] = await once(child, "close");
  return { code, output };
};

test("an event store where no reaction has run has none to show", async () => {
  expect(await reactions()).toEqual({ code: 0, output: "No reaction has run on this event store.\n" });
});

test("what is parked is shown, and handed out again when it is asked for", async () => {
  const event = { id: jarId, type: "JarLabelled", data: { jarId, label: "plum" }, metadata: systemMetadata() };
  await store.append(`jar-${jarId}`, [event], noStream);
  const mendable = onLabels("labelling", [jarId], async (label) => {
    if (!isMended) throw new Error("not mended yet");
    had.push(label);
  });
  const runner = runReactions({ groups: store.groups, codec, log, reactions: [mendable], attemptsMax: 1 });
  stack.defer(() => runner.stop());
  await until(async () => (await store.groups.list()).some(({ parked }) => parked === 1));
  expect((await reactions()).output).toBe("labelling: 1 process, 0 events in hand, 1 parked\n");

  isMended = true;
  expect(await reactions("replay", "labelling")).toMatchObject({ code: 0 });
  await until(() => had.length === 1);
  expect(had).toEqual(["plum"]);
  expect(await reactions("restart", "labelling")).toMatchObject({ code: 0 });
  await until(() => had.length === 2);
});

test("a name or an order that nobody knows is refused", async () => {
  expect(await reactions("replay", "nobody")).toEqual({ code: 1, output: "there is no group nobody\n" });
  expect(await reactions("replay")).toMatchObject({ code: 2, output: expect.stringContaining("Usage:") });
  expect(await reactions("forget", "labelling")).toMatchObject({ code: 2 });
});
