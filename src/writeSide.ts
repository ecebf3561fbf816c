import { catchingUp } from "./commands/credits/catchUp.ts";
import { commandHandler } from "./commands/handler.ts";
import type { Warn } from "./commands/limits.ts";
import type { Config } from "./config.ts";
import { aggregates } from "./domain/aggregates.ts";
import type { Codec } from "./eventstore/codec.ts";
import type { EventStore } from "./eventstore/store.ts";
import { keptCommands } from "./platform/commandMemory.ts";
import { deriveKey, keyedHash } from "./platform/encryption.ts";
import type { Log } from "./platform/log.ts";
import type { Pool } from "./platform/postgres.ts";
import { rightOfWay } from "./platform/rightOfWay.ts";

type Within = {
  config: Pick<Config, "LEDGERS_IN_MEMORY_MAX" | "COMMANDS_IN_MEMORY_MAX">;
  store: EventStore;
  codec: Codec;
  /** Of the API's role. */
  pool: Pool;
  masterKey: Buffer;
  log: Log;
};

/** The one handler of a thread, which has begun to follow what others write; it ends with `stack`. */
export const writeSide = ({ config, store, codec, pool, masterKey, log }: Within, stack: AsyncDisposableStack) => {
  const warn: Warn = (details, message) => log.warn(details, message);
  const handler = commandHandler({
    store,
    codec,
    memory: keptCommands(pool),
    rightOfWay: rightOfWay(pool, warn),
    categories: aggregates.filter(({ ledger }) => ledger === undefined).map(({ category }) => category),
    hashInput: keyedHash(deriveKey(masterKey, "input-hash")),
    limits: { lanesMax: config.LEDGERS_IN_MEMORY_MAX, heldCommandsMax: config.COMMANDS_IN_MEMORY_MAX },
    warn,
  });
  stack.defer(() => handler.stop());
  handler.start();
  return catchingUp(handler);
};
