import { parentPort, workerData } from "node:worker_threads";
import { poolAs } from "./backends.ts";
import { aggregates } from "./domain/aggregates.ts";
import { eventCodec } from "./eventstore/codec.ts";
import { eventStoreDb } from "./eventstore/esdb.ts";
import type { FollowerData, Question } from "./followers.ts";
import { keyVault } from "./platform/keyVault.ts";
import { createLog } from "./platform/log.ts";
import { projections } from "./projections/all.ts";
import { type ProjectionRunner, runProjections } from "./projections/runner.ts";
import { credentialErasure } from "./reactions/credentialErasure.ts";
import { runReactions } from "./reactions/runner.ts";

const lagMaxMs = 10_000;

/** FND-14: read models that are too far behind are of no use, however well everything else is. */
const faultOf = ({ status }: ProjectionRunner): string | undefined => {
  const { role, isCaughtUp, waiting } = status();
  if (role === "standby") return undefined;
  if (role !== "running" || !isCaughtUp) return "are catching up";
  const lagMs = waiting.since === null ? 0 : Date.now() - Date.parse(waiting.since);
  return lagMs > lagMaxMs ? "lag behind" : undefined;
};

const follow = ({ config, backends }: FollowerData, write: (line: string) => void) => {
  const stack = new AsyncDisposableStack();
  const log = createLog(config.LOG_LEVEL, { write });
  const pool = poolAs("everfold_projector", { config, backends, log }, stack);
  const store = eventStoreDb({ url: backends.eventStoreUrl });
  stack.defer(() => store.close());
  const vault = keyVault({ pool, masterKey: backends.masterKey });
  const codec = eventCodec(vault);
  if (config.ROLES.includes("reactions")) {
    const reacting = runReactions({ store, pool, codec, log, reactions: [credentialErasure(vault)] });
    stack.defer(() => reacting.stop());
  }
  if (!config.ROLES.includes("projections")) return { stack, fault: () => undefined };
  const delayMs = config.PROJECTION_DELAY_MS;
  const projecting = runProjections({ store, pool, codec, projections, sources: aggregates, log, delayMs });
  stack.defer(() => projecting.stop());
  return { stack, fault: () => faultOf(projecting) };
};

const parent = parentPort;
if (!parent) throw new Error("this is the entry of a thread");
const { stack, fault } = follow(workerData, (line) => parent.postMessage(line));

parent.on("message", async ({ ask, port }: Question) => {
  if (ask === "fault") return port.postMessage(fault());
  await stack.disposeAsync();
  port.postMessage(undefined);
  parent.close();
});
