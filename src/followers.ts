import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import type { Backends } from "./backends.ts";
import type { Config } from "./config.ts";

/** What the thread is given to begin with. */
export type FollowerData = { config: Config; backends: Backends };
/** What it is asked; it answers once, on `port`. */
export type Question = { ask: "fault" | "stop"; port: MessagePort };
type MessagePort = InstanceType<typeof MessageChannel>["port1"];

export type Followers = {
  /** What keeps the read models from being up to date, for people; undefined when nothing does. */
  fault(): Promise<string | undefined>;
  /** Resolves when what they have in hand is stored. */
  stop(): Promise<void>;
};

/** Events live as short as their batch: with room for a few batches hardly any of them is ever copied. */
const youngGenerationMb = 96;

/**
 * Read models and reactions, as far as ROLES asks for them, in a thread of their own: requests do not wait while a
 * batch of events is decoded and written. An error that nothing in there expects ends the process.
 */
export const startFollowers = (data: FollowerData, onLogLine: (line: string) => void): Followers => {
  const thread = new Worker(new URL("./followerThread.ts", import.meta.url), {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  });
  thread.on("message", onLogLine);
  const ask = async (question: Question["ask"]): Promise<unknown> => {
    const { port1, port2 } = new MessageChannel();
    thread.postMessage({ ask: question, port: port2 } satisfies Question, [port2]);
    const [answer] = await once(port1, "message");
    port1.close();
    return answer;
  };
  return {
    fault: async () => {
      const fault = await ask("fault");
      return typeof fault === "string" ? fault : undefined;
    },
    stop: async () => {
      const ended = once(thread, "exit");
      await ask("stop");
      await ended;
    },
  };
};
