import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

const modulePath = new URL("../../../src/embedded/eventStore.ts", import.meta.url).href;

/** A store whose operator's terminal we see. */
export type WatchedStore = {
  readonly url: string;
  readonly pid: number;
  /** Stops it and gives everything that it has said to its operator. */
  stop(): Promise<string>;
};

/** Starts a store as another program does, which passes on what it says. */
export async function startWatchedStore(directory: string): Promise<WatchedStore> {
  const program = `
    const { startEventStore } = await import(${JSON.stringify(modulePath)});
    const store = await startEventStore({ directory: ${JSON.stringify(directory)} });
    process.stdout.write(JSON.stringify({ url: store.url, pid: store.pid }) + "\\n");
    process.stdin.resume().once("end", () => store.stop());
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["pipe", "pipe", "pipe"] });
  const said = text(child.stderr);
  const ended = once(child, "close");
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    ended.then(async () => Promise.reject(new Error(`The store did not start: ${await said}`))),
  ]);
  const stop = async () => {
    child.stdin.end();
    await ended;
    return await said;
  };
  onTestFinished(async () => void (await stop()));
  return { ...JSON.parse(line), stop };
}
