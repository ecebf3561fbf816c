import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { AddCredits, OpenLedger } from "../../src/commands/credits/grants.ts";
import { type CommandContext, commandHandler, type Handler } from "../../src/commands/handler.ts";
import { readConfig } from "../../src/config.ts";
import { aggregates } from "../../src/domain/aggregates.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { keptCommands } from "../../src/platform/commandMemory.ts";
import { deriveKey, keyedHash } from "../../src/platform/encryption.ts";
import { keyVault } from "../../src/platform/keyVault.ts";
import { openMasterKey } from "../../src/platform/masterKey.ts";
import { openPool } from "../../src/platform/postgres.ts";
import { inParallel } from "../servers/contender.ts";
import type { Served, Serving } from "./memory.ts";

/** As many wallets are asked something at a time. */
const CALLERS = 128;
const PAID_IN = 1_000;
/** So many of all wallets are debited at the end, long after most of them have left the memory. */
const DEBITED_SHARE = 0.1;

const organizationId = randomUUID();
const tell = (served: Served): void => void process.send?.(served);

const context = (workspaceId: string): CommandContext => {
  const commandId = randomUUID();
  return {
    ...{ commandId, requestId: commandId, causationId: commandId, now: new Date().toISOString() },
    ...{ actor: { kind: "system", id: null }, organizationId, workspaceId },
    ...{ sessionId: null, ip: null, userAgent: null },
  };
};

/** The write side of an API process as the composition root makes it, with one limit of it set. */
const openHandler = async ({ lanesMax }: Serving, stack: AsyncDisposableStack): Promise<Handler> => {
  const config = readConfig(process.env);
  const { DATABASE_URL: url = "", EVENTSTORE_URL: eventStoreUrl = "" } = config;
  const pool = openPool({
    ...{ url, role: "everfold_api", max: config.DATABASE_POOL_MAX },
    idleTimeoutMs: config.DATABASE_IDLE_TIMEOUT_MS,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    onError: () => undefined,
  });
  stack.defer(() => pool.end());
  const masterKey = await openMasterKey(pool, { given: config.ENCRYPTION_MASTER_KEY, dataDir: config.DATA_DIR });
  const store = eventStoreDb({ url: eventStoreUrl });
  stack.defer(() => store.close());
  const handler = commandHandler({
    ...{ store, codec: eventCodec(keyVault({ pool, masterKey })), memory: keptCommands(pool) },
    categories: aggregates.filter(({ ledger }) => ledger === undefined).map(({ category }) => category),
    hashInput: keyedHash(deriveKey(masterKey, "input-hash")),
    limits: { lanesMax },
  });
  stack.defer(() => handler.stop());
  handler.start();
  return handler;
};

const serve = async (serving: Serving): Promise<void> => {
  await using stack = new AsyncDisposableStack();
  const handler = await openHandler(serving, stack);
  const faults: string[] = [];
  const expect = (what: string, is: unknown, wanted: unknown) => {
    if (is !== wanted) faults.push(`${what}: ${JSON.stringify(is)} instead of ${wanted}`);
  };
  const look = (what: string, wallets: number) => {
    globalThis.gc?.();
    tell({ what, wallets, residentMiB: process.memoryUsage.rss() / 2 ** 20 });
  };
  const open = async (workspaceId: string): Promise<void> => {
    await handler.handle(OpenLedger, { workspaceId, organizationId, planType: "free" }, context(workspaceId));
    const prepaid = { workspaceId, amount: PAID_IN, description: "Prepaid" };
    const added = await handler.handle(AddCredits, prepaid, context(workspaceId));
    expect(`wallet ${workspaceId} after its credits`, isRejection(added) ? added : added.answer.balance, PAID_IN);
  };
  const debit = async (workspaceId: string): Promise<void> => {
    const enriched = { workspaceId, amount: 1, description: "Contact enriched" };
    const debited = await handler.handle(DebitCredits, enriched, context(workspaceId));
    expect(`wallet ${workspaceId} after a debit`, isRejection(debited) ? debited : debited.answer.balance, PAID_IN - 1);
  };

  look("nothing done yet", 0);
  const wallets: string[] = [];
  while (wallets.length < serving.wallets && faults.length === 0) {
    const more = Array.from({ length: serving.every }, () => randomUUID());
    await inParallel(more, CALLERS, open);
    wallets.push(...more);
    look("opened and paid into", wallets.length);
  }
  const apart = Math.round(1 / DEBITED_SHARE);
  await inParallel(
    wallets.filter((_, index) => index % apart === 0),
    CALLERS,
    debit,
  );
  look(`every ${apart}th debited once more`, wallets.length);
  tell({ faults: faults.slice(0, 5) });
};

// Nobody is left to tell.
process.once("disconnect", () => process.exit());
const [serving]: Serving[] = await once(process, "message");
if (serving !== undefined) await serve(serving);
process.disconnect();
