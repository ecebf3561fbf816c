import { defaultLimits, type Limits } from "../../../src/commands/limits.ts";
import { type LossyProxy, startLossyProxy } from "../../commands/lossyProxy.ts";
import type { Process, WriteSide } from "../../commands/writeSide.ts";
import { delivering } from "../deliver.ts";
import type { Random } from "../random.ts";
import { ledgerCommands } from "../requests.ts";

/** A process as its callers see it: it may be dead, and then nothing it says counts. */
type Server = {
  deliver: ReturnType<typeof delivering>;
  process: Process;
  proxy: LossyProxy;
  isDead(): boolean;
  died: Promise<undefined>;
};

export type Servers = {
  pick(random: Random): Server;
  /** The next answer of the event store to one of them is lost, with its connection. */
  loseAnswer(random: Random): void;
  /** One of them dies in the middle of what it does; another one takes its place. */
  killOne(random: Random): Promise<void>;
  killStore(): void;
  forgetCommands(): Promise<void>;
  /** Events of a stream, read past all trouble. */
  read: Process["store"]["read"];
  stop(): Promise<void>;
};

/** Small, so that lanes come and go and commands are looked up where they are kept. */
const limitsOf = (random: Random): Partial<Limits> => ({
  lanesMax: random.pick([1, 3, defaultLimits.lanesMax]),
  snapshotEvery: random.pick([2, 5, defaultLimits.snapshotEvery]),
  batchCommandsMax: random.pick([1, 3, defaultLimits.batchCommandsMax]),
});

/** Processes on one event store, each with a connection of its own that loses answers when it is told to. */
export const startServers = async (backends: WriteSide, random: Random, count: number): Promise<Servers> => {
  const { url } = backends.eventStore;
  let killed: number | undefined;
  const healthy = backends.process({ isFollowing: false });

  const start = async (): Promise<Server> => {
    const proxy = await startLossyProxy(url);
    const limits = limitsOf(random);
    const process = backends.process({ url: proxy.url, limits, isFollowing: random.chance(0.5) });
    const { promise: died, resolve } = Promise.withResolvers<undefined>();
    let isDead = false;
    const stop = async () => {
      isDead = true;
      resolve(undefined);
      await proxy.stop();
    };
    const deliver = delivering(process.handler, ledgerCommands);
    return { deliver, process, proxy: { ...proxy, stop }, isDead: () => isDead, died };
  };
  const servers = await Promise.all(Array.from({ length: count }, start));

  return {
    pick: (with_) => with_.pick(servers),
    loseAnswer: (with_) => with_.pick(servers).proxy.loseAnswers(),
    async killOne(with_) {
      const fresh = await start();
      const [dead] = servers.splice(with_.below(servers.length), 1, fresh);
      await dead?.proxy.stop();
      void dead?.process.stop().catch(() => undefined);
    },
    killStore() {
      const { pid } = backends.eventStore;
      // One that was killed before may not have been replaced yet.
      if (pid !== killed) process.kill(pid, "SIGKILL");
      killed = pid;
    },
    forgetCommands: backends.forgetCommands,
    read: (...asked) => healthy.store.read(...asked),
    stop: async () => {
      for (const { proxy } of servers) await proxy.stop();
    },
  };
};
