import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { poolAs } from "../../src/backends.ts";
import type { CommandContext } from "../../src/commands/commandContext.ts";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import type { Handler } from "../../src/commands/handler.ts";
import { readConfig } from "../../src/config.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { keyVault } from "../../src/platform/keyVault.ts";
import { createLog } from "../../src/platform/log.ts";
import { openMasterKey } from "../../src/platform/masterKey.ts";
import { writeSide } from "../../src/writeSide.ts";
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

/** The write side of an API process, as the composition root makes it. */
const openHandler = async (stack: AsyncDisposableStack): Promise<Handler> => {
  const config = readConfig(process.env);
  const { DATABASE_URL: databaseUrl = "", EVENTSTORE_URL: url = "" } = config;
  const log = createLog(config.LOG_LEVEL);
  const pool = poolAs("everfold_api", { config, backends: { databaseUrl }, log }, stack);
  const masterKey = await openMasterKey(pool, { given: config.ENCRYPTION_MASTER_KEY, dataDir: config.DATA_DIR });
  const store = eventStoreDb({ url });
  stack.defer(() => store.close());
  const codec = eventCodec(keyVault({ pool, masterKey }));
  return writeSide({ config, store, codec, pool, masterKey, log }, stack);
};

const serve = async (serving: Serving): Promise<void> => {
  await using stack = new AsyncDisposableStack();
  const handler = await openHandler(stack);
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
