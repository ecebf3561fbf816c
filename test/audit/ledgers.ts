import { randomUUID } from "node:crypto";
import { ledgerExport } from "../../src/audit/export.ts";
import { SetBudget } from "../../src/commands/credits/budgets.ts";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { CaptureHold, PlaceHold, ReleaseHold } from "../../src/commands/credits/holds.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { refund } from "../../src/commands/credits/refunds.ts";
import type { Sealing } from "../../src/commands/credits/seals.ts";
import type { Handler } from "../../src/commands/handler.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { newKey } from "../../src/platform/encryption.ts";
import type { SealKeys } from "../../src/platform/sealKeys.ts";
import { installedSealKeys, sealedNow, sealingWith } from "../../src/sealing.ts";
import { contextOf, type Process, type WriteSide } from "../commands/writeSide.ts";

/** A process that writes ledgers and seals them, and what auditors get of it. */
export type Bookkeeping = {
  handler: Handler;
  store: Process["store"];
  keys: SealKeys;
  sealing: Sealing;
  seal(workspaceId: string): Promise<unknown>;
  /** The lines of an export, sealed at that moment. */
  exported(workspaceId: string): Promise<string[]>;
};

export const bookkeeping = async (writeSide: WriteSide, masterKey = newKey()): Promise<Bookkeeping> => {
  const { handler, store } = writeSide.process();
  const keys = await installedSealKeys(writeSide.pool, masterKey);
  const sealing = sealingWith({ handler, store, keys });
  const seal = sealedNow(sealing, () => new Date().toISOString());
  const lines = ledgerExport({ store, seal });
  return {
    ...{ handler, store, keys, sealing, seal },
    exported: async (workspaceId) => (await Array.fromAsync(lines(workspaceId))).map((line) => JSON.stringify(line)),
  };
};

const accepted = async <T extends object>(outcome: Promise<T>): Promise<Extract<T, { answer: unknown }>> => {
  const found = await outcome;
  if (!isRejection(found) && "answer" in found) return found as Extract<T, { answer: unknown }>;
  throw new Error(`refused: ${JSON.stringify(found)}`);
};

/**
 * A ledger in which most of what can happen has: two lots, a budget and its alert, debits, holds captured in two parts,
 * released and open, refunds in part. Sealed three times on the way, the last time before its end.
 */
export const livelyLedger = async ({ handler, seal }: Pick<Bookkeeping, "handler" | "seal">): Promise<string> => {
  const workspaceId = randomUUID();
  const debit = (amount: number) =>
    accepted(handler.handle(DebitCredits, { workspaceId, amount, description: "Søk ✓ \u2028 \ufffd" }, contextOf()));
  const hold = async (amount: number): Promise<string> => {
    const holdId = randomUUID();
    await accepted(handler.handle(PlaceHold, { workspaceId, holdId, amount, description: "Enrich" }, contextOf()));
    return holdId;
  };
  const bought = { workspaceId, amount: 1_000, description: "Invoice 7" };
  const given = { workspaceId, amount: 40, description: "Welcome", kind: "promotional" } as const;
  const opening = { workspaceId, organizationId: randomUUID(), planType: "free" } as const;
  const budget = {
    workspaceId,
    budgetId: randomUUID(),
    scope: { kind: "workspace" },
    limit: 150,
    period: "month",
  } as const;

  await accepted(handler.handle(OpenLedger, opening, contextOf()));
  await accepted(handler.handle(AddCredits, bought, contextOf()));
  await accepted(handler.handle(AddCredits, given, contextOf()));
  await accepted(handler.handle(SetBudget, { ...budget, alertsAt: [50] }, contextOf()));
  const { answer: first } = await accepted(debit(60));
  await seal(workspaceId);
  const captured = await hold(50);
  await accepted(handler.handle(CaptureHold, { workspaceId, holdId: captured, amount: 20, final: false }, contextOf()));
  await accepted(handler.handle(CaptureHold, { workspaceId, holdId: captured, amount: 5 }, contextOf()));
  await accepted(handler.handle(ReleaseHold, { workspaceId, holdId: await hold(10) }, contextOf()));
  await seal(workspaceId);
  const giveBack = { workspaceId, transactionId: first.transaction.id, amount: 25, description: "Not found" };
  await accepted(refund({ handler }).execute(giveBack, contextOf()));
  await hold(7);
  await seal(workspaceId);
  await debit(3);
  return workspaceId;
};
