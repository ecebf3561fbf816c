import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { keyVault } from "../../src/platform/keyVault.ts";
import { httpPayments } from "../../src/platform/payments/httpPayments.ts";
import { openPool } from "../../src/platform/postgres.ts";
import { autoRecharge } from "../../src/reactions/autoRecharge.ts";
import { type ReactionRunner, runReactions } from "../../src/reactions/runner.ts";
import { writeSide } from "../../src/writeSide.ts";
import { log } from "../projections/jars.ts";

export const paymentSecret = "a secret of thirty-two characters";
const masterKey = Buffer.alloc(32, 7);

/** As much of an Everfold as recharges, in this process or in another one on the same backends. */
export const rechargeSide = (urls: { eventStore: string; database: string }, stack: AsyncDisposableStack) => {
  const bounds = { max: 4, idleTimeoutMs: 10_000, statementTimeoutMs: 30_000 };
  const pool = openPool({ url: urls.database, role: "everfold_api", ...bounds, onError: () => undefined });
  stack.defer(() => pool.end());
  const store = eventStoreDb({ url: urls.eventStore });
  stack.defer(() => store.close());
  const codec = eventCodec(keyVault({ pool, masterKey }));
  const config = { LEDGERS_IN_MEMORY_MAX: 1_000, COMMANDS_IN_MEMORY_MAX: 10_000 };
  const handler = writeSide({ config, store, codec, pool, masterKey, log }, stack);
  return { store, codec, handler };
};
type RechargeSide = ReturnType<typeof rechargeSide>;

type Means = Parameters<typeof autoRecharge>[0];
const utc = () => new Date().toISOString();

type Options = {
  /** Of the endpoint that is asked for payments. */
  url: string;
  timeoutMs?: number;
  now?: () => string;
  /** Puts faults in. */
  change?: (means: Means) => Means;
};

/** Reacts for as long as `stack` lasts. */
export const recharging = (
  { store, codec, handler }: RechargeSide,
  { url, timeoutMs = 5_000, now = utc, change = (means) => means }: Options,
  stack: AsyncDisposableStack,
): ReactionRunner => {
  const calling = { url, secret: paymentSecret, allowPrivateAddresses: true, timeoutMs, backoffMinMs: 1 };
  const payments = httpPayments(calling);
  const reactions = [autoRecharge(change({ handler, payments, now }))];
  const runner = runReactions({ groups: store.groups, codec, log, reactions, attemptsMax: 2 });
  stack.defer(() => runner.stop());
  return runner;
};
