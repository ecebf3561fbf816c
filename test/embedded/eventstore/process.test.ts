import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import { clientOf, directoryOfTest, freshStream, numbered, soon, startedStore } from "./storeUnderTest.ts";

const modulePath = new URL("../../../src/embedded/eventStore.ts", import.meta.url).href;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("the process leaves Ctrl-C and SIGTERM to its parent, which stops it in order", async () => {
  const store = await startEventStore({ directory: directoryOfTest() });
  const client = clientOf(store);
  const { pid } = store;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.kill(pid, signal);
    expect((await client.appendToStream(freshStream(), numbered(1))).success).toBe(true);
  }
  expect(store.pid).toBe(pid);
  await store.stop();
  expect(isAlive(pid)).toBe(false);
});

test.runIf(process.platform === "linux")("the process is told no secret of its parent's environment", async () => {
  process.env["ENCRYPTION_MASTER_KEY"] = "planted-secret";
  onTestFinished(() => void delete process.env["ENCRYPTION_MASTER_KEY"]);
  const store = await startedStore({ directory: directoryOfTest() });
  expect(readFileSync(`/proc/${store.pid}/environ`, "utf8")).not.toContain("planted-secret");
});

test("what the process writes is for its own user's eyes alone, in a folder that others may enter too", async () => {
  const directory = directoryOfTest();
  chmodSync(directory, 0o755);
  await startedStore({ directory });
  const files = readdirSync(directory).filter((name) => name.startsWith("events.db"));
  expect(files).toContain("events.db");
  for (const name of files) expect([name, statSync(join(directory, name)).mode & 0o077]).toEqual([name, 0]);
});

/** A store whose parent is a process of its own, that can be killed. */
const storeWithParent = async (directory: string) => {
  const script = `
    const { startEventStore } = await import(${JSON.stringify(modulePath)});
    const store = await startEventStore({ directory: ${JSON.stringify(directory)} });
    process.stdout.write(String(store.pid));
    setInterval(() => {}, 1000);
  `;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [pid] = await once(parent.stdout, "data");
  expect(isAlive(Number(pid))).toBe(true);
  const killParent = async () => {
    parent.kill("SIGKILL");
    await once(parent, "exit");
  };
  return { pid: Number(pid), killParent };
};

test("the process ends by itself when its parent is killed, and leaves the folder free", async () => {
  const directory = directoryOfTest();
  const { pid, killParent } = await storeWithParent(directory);
  await killParent();
  await expect.poll(() => isAlive(pid), soon).toBe(false);
  const next = await startEventStore({ directory });
  await next.stop();
});

test("a process that could not notice the end of its parent is ended by the next start on its folder", async () => {
  const directory = directoryOfTest();
  const { pid, killParent } = await storeWithParent(directory);
  process.kill(pid, "SIGSTOP");
  await killParent();
  const next = await startedStore({ directory });
  await expect.poll(() => isAlive(pid), soon).toBe(false);
  expect((await clientOf(next).appendToStream(freshStream(), numbered(1))).success).toBe(true);
});

test("a process that is stopped while its parent lives is nobody's orphan", async () => {
  const directory = directoryOfTest();
  const store = await startEventStore({ directory });
  process.kill(store.pid, "SIGSTOP");
  onTestFinished(() => store.stop());
  onTestFinished(() => void process.kill(store.pid, "SIGCONT"));
  await expect(startEventStore({ directory })).rejects.toThrow(/in use by another event store process/);
  expect(isAlive(store.pid)).toBe(true);
});

test("an orphan's note that has come to name a stranger's process ends nobody", async () => {
  const directory = directoryOfTest();
  const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  onTestFinished(() => void stranger.kill());
  writeFileSync(join(directory, "supervised.pid"), `${stranger.pid} 1\n`);
  await startedStore({ directory });
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
});

test("stopping is orderly with subscriptions open, and may be asked for twice", async () => {
  const store = await startEventStore({ directory: directoryOfTest() });
  const client = clientOf(store);
  const subscription = client.subscribeToAll();
  const ended = once(subscription, "error");
  await once(subscription, "caughtUp");
  await Promise.all([store.stop(), store.stop()]);
  expect(await ended).toMatchObject([{ type: "unavailable" }]);
});

/** Kills a process, and lets nothing be heard of its end before it has one. */
function killUnheard(pid: number): void {
  process.kill(pid, "SIGKILL");
  while (!execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).startsWith("Z"));
}

test.each([
  ["a folder", () => ({ directory: directoryOfTest() })],
  ["memory", () => ({ memory: true }) as const],
])(
  "a store in %s whose process was killed just now is stopped once that has ended, however often it is told to",
  async (_, options) => {
    const store = await startEventStore(options());
    const { pid } = store;
    killUnheard(pid);
    await Promise.all([store.stop(), store.stop()]);
    expect(isAlive(pid)).toBe(false);
  },
);
