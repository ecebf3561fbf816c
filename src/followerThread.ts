import { parentPort, workerData } from "node:worker_threads";
import { poolAs } from "./backends.ts";
import { blindIndexUnder } from "./blindIndex.ts";
import { aggregates } from "./domain/aggregates.ts";
import { eventCodec } from "./eventstore/codec.ts";
import { eventStoreDb } from "./eventstore/esdb.ts";
import type { FollowerData, Question } from "./followers.ts";
import { keyVault } from "./platform/keyVault.ts";
import { createLog } from "./platform/log.ts";
import { configuredPayments } from "./platform/payments/configuredPayments.ts";
import { projections } from "./projections/all.ts";
import { dueLedgers } from "./projections/ledger/dueLedgers.ts";
import { unsealedLedgers } from "./projections/ledgerSeals.ts";
import { type ProjectionRunner, runProjections } from "./projections/runner.ts";
import { reactionsWith } from "./reactions/all.ts";
import { sealLedgers } from "./reactions/ledgerSealing.ts";
import { keepLedgersUp } from "./reactions/ledgerUpkeep.ts";
import { type ReactionRunner, runReactions } from "./reactions/runner.ts";
import { installedSealKeys, sealingWith } from "./sealing.ts";
import { writeSide } from "./writeSide.ts";

/** Whether they get on at all; how far behind they are is asked in the same way in every process (`readiness`). */
const projectionFault = ({ status }: ProjectionRunner): string | undefined => {
  const { role, isCaughtUp } = status();
  return role === "standby" || (role === "running" && isCaughtUp) ? undefined : "are catching up";
};

const reactionFault = ({ status }: ReactionRunner): string | undefined =>
  status().isRunning ? undefined : "reactions do not get on";

/** What both work with for as long as `stack` lasts. `pool` is of the projector's role: it sees all tenants. */
const thread = ({ config, backends }: FollowerData, write: (line: string) => void) => {
  const stack = new AsyncDisposableStack();
  const log = createLog(config.LOG_LEVEL, { write });
  const pool = poolAs("everfold_projector", { config, backends, log }, stack);
  const store = eventStoreDb({ url: backends.eventStoreUrl });
  stack.defer(() => store.close());
  const vault = keyVault({ pool, masterKey: backends.masterKey });
  return { config, backends, log, pool, store, vault, codec: eventCodec(vault), stack };
};
type Thread = ReturnType<typeof thread>;
/** What keeps it from getting on, for people. */
type Fault = () => string | undefined;

const project = ({ config, log, pool, store, codec, stack }: Thread): Fault => {
  const delayMs = config.PROJECTION_DELAY_MS;
  const projecting = runProjections({ store, pool, codec, projections, sources: aggregates, log, delayMs });
  stack.defer(() => projecting.stop());
  return () => projectionFault(projecting);
};

/** Policies, and what nobody asks for: ledgers kept up with time, and sealed. */
const react = ({ config, backends, log, pool, store, vault, codec, stack }: Thread): Fault => {
  const { masterKey } = backends;
  const api = poolAs("everfold_api", { config, backends, log }, stack);
  const handler = writeSide({ config, store, codec, pool: api, masterKey, log }, stack);
  const now = () => new Date().toISOString();
  const blindIndex = blindIndexUnder(masterKey);
  const reactions = reactionsWith({ vault, handler, blindIndex, payments: configuredPayments(config), now });
  const reacting = runReactions({ groups: store.groups, codec, log, reactions });
  stack.defer(() => reacting.stop());
  const dueLedgersAt = (at: string, limit: number, after: string | null) => dueLedgers(pool, at, limit, after);
  const keeping = keepLedgersUp({ handler, dueLedgers: dueLedgersAt, now, log });
  stack.defer(() => keeping.stop());
  const sealing = sealLedgers({
    openSealing: async () => sealingWith({ handler, store, keys: await installedSealKeys(api, masterKey) }),
    unsealedLedgers: (page) => unsealedLedgers(pool, page),
    intervalMs: config.SEAL_INTERVAL * 1_000,
    ...{ now, log },
  });
  stack.defer(() => sealing.stop());
  return () => reactionFault(reacting);
};

const follow = (data: FollowerData, write: (line: string) => void) => {
  const on = thread(data, write);
  const { ROLES } = on.config;
  const faults = [
    ...(ROLES.includes("projections") ? [project(on)] : []),
    ...(ROLES.includes("reactions") ? [react(on)] : []),
  ];
  return { stack: on.stack, fault: () => faults.map((fault) => fault()).find((fault) => fault !== undefined) };
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
