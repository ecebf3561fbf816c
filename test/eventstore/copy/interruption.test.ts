import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { importInto, verify } from "../../../src/eventstore/copy/copying.ts";
import { filePlace } from "../../../src/eventstore/copy/filePlace.ts";
import { endOf, storePlace } from "../../../src/eventstore/copy/storePlace.ts";
import { inOrder } from "./history.ts";
import { fill, folder, how, type OwnStore, ownStore } from "./stores.ts";

const stack = new AsyncDisposableStack();
const events = 4_000;
let source: OwnStore;
let directory: string;
/** An export of the source that nothing has interrupted. */
let whole: string;

beforeAll(async () => {
  [source, directory] = await Promise.all([ownStore(stack, "the source"), folder(stack)]);
  whole = join(directory, "whole.ndjson");
  await fill(source, events);
  await ended(commandLine("Export", "--from", source.server.url, "--to", whole));
});
afterAll(() => stack.disposeAsync());

const commandLine = (name: "Export" | "Import", ...args: string[]): ChildProcess => {
  const entry = fileURLToPath(new URL(`../../../src/eventstore${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [entry, ...args], { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  stack.defer(() => void child.kill("SIGKILL"));
  return child;
};

const ended = async (child: ChildProcess): Promise<{ code: number | null; output: string }> => {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (output += text));
  const [code] = await once(child, "close");
  return { code, output };
};

/** Kills it once `isTime`; says whether it had not ended by then. */
const killedWhen = async (child: ChildProcess, isTime: () => Promise<boolean>): Promise<boolean> => {
  const closed = ended(child);
  const isOver = async () => child.exitCode !== null || (await isTime());
  await vi.waitUntil(isOver, { timeout: 60_000, interval: 5 });
  child.kill("SIGKILL");
  return (await closed).code === null;
};

const freshTarget = async (): Promise<OwnStore> => {
  const own = new AsyncDisposableStack();
  onTestFinished(() => own.disposeAsync());
  return ownStore(own, "the target");
};

test("an export that is killed goes on, and its file is the same as one that was not", async () => {
  const file = join(directory, "killed.ndjson");
  const sizeOf = (path: string) =>
    stat(path).then(
      ({ size }) => size,
      () => 0,
    );
  const run = () => commandLine("Export", "--from", source.server.url, "--to", file);
  expect(await killedWhen(run(), async () => (await sizeOf(`${file}.partial`)) > 0)).toBe(true);
  expect(await sizeOf(file)).toBe(0);

  expect(await ended(run())).toMatchObject({ code: 0 });
  expect(Buffer.compare(await readFile(file), await readFile(whole))).toBe(0);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test.runIf(process.platform === "linux").for([
  ["at its last line", (size: number) => size - 1],
  ["in the middle", (size: number) => Math.floor(size / 2)],
] as const)(
  "an export whose file may not grow any more %s says so, and goes on when it may",
  async ([where, limitOf]) => {
    const file = join(directory, `full ${where}.ndjson`);
    const args = ["--from", source.server.url, "--to", file];
    const child = commandLine("Export", ...args);
    const { size } = await stat(whole);
    execFileSync("prlimit", ["--pid", String(child.pid), `--fsize=${limitOf(size)}:`]);
    const { code, output } = await ended(child);
    expect(code).toBe(2);
    expect(output).toContain("EFBIG");
    await expect(stat(file)).rejects.toThrow("ENOENT");

    expect(await ended(commandLine("Export", ...args))).toMatchObject({ code: 0 });
    expect(Buffer.compare(await readFile(file), await readFile(whole))).toBe(0);
  },
);

test("an import that is killed again and again goes on, and the target ends as the source is", async () => {
  const target = await freshTarget();
  const run = () => commandLine("Import", "--from", whole, "--to", target.server.url);
  const size = () => endOf(target.store.connection, "the target");
  for (const share of [0.2, 0.7]) {
    const isTime = async () => (await size()) > events * share;
    expect(await killedWhen(run(), isTime)).toBe(true);
  }
  const { code, output } = await ended(run());
  expect(output).toContain(`holds all ${events} events of 7 streams, in the same order`);
  expect(code).toBe(0);
  expect(await inOrder(target.client)).toEqual(await inOrder(source.client));
});

test("an import outlives the target's server", async () => {
  const target = await freshTarget();
  const places = [filePlace(whole), storePlace("the target", target.store.connection)] as const;
  let read = 0;
  const onStep = () => () => {
    read += 1;
    // Once for the comparison before; then in the middle of what is written.
    if (read === events * 1.5) process.kill(target.server.pid, "SIGKILL");
  };
  await importInto(places[0], target.store, { ...how, onStep });
  expect(read).toBe(events * 2);
  const { source: wanted, target: found } = await verify(...places, how);
  expect(found).toEqual(wanted);
});

test("a store is copied into another one without a file between", async () => {
  const target = await freshTarget();
  const { code, output } = await ended(commandLine("Import", "--from", source.server.url, "--to", target.server.url));
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("in the same order") });
});
