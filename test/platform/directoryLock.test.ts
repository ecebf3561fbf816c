import { chmodSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lockDirectory } from "../../src/platform/directoryLock.ts";

const folder = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), "everfold-lock-"));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
};
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

test("what is in a directory made by the lock is for others neither to list nor to lock", async () => {
  const directory = join(await folder(), "data");
  const unlock = await lockDirectory(directory);
  onTestFinished(unlock);
  expect((await modeOf(directory)).toString(8)).toBe("711");
  expect((await modeOf(join(directory, "everfold.lock"))).toString(8)).toBe("600");
});

test("a directory that was there keeps its mode", async () => {
  const directory = await folder();
  chmodSync(directory, 0o750);
  onTestFinished(await lockDirectory(directory));
  expect((await modeOf(directory)).toString(8)).toBe("750");
});

test("a directory is held once, also against ourselves, until it is given free", async () => {
  const directory = await folder();
  const unlock = await lockDirectory(directory);
  for (let attempt = 0; attempt < 2; attempt += 1)
    await expect(lockDirectory(directory)).rejects.toMatchObject({ name: "DirectoryInUse" });
  unlock();
  onTestFinished(await lockDirectory(directory));
});

test("a lock file left by a killed process locks nobody out", async () => {
  const directory = await folder();
  await writeFile(join(directory, "everfold.lock"), "");
  onTestFinished(await lockDirectory(directory));
});
