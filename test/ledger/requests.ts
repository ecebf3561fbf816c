import type { z } from "zod";
import { ConfigureBalanceAlert } from "../../src/commands/credits/alerts.ts";
import { RemoveBudget, SetBudget } from "../../src/commands/credits/budgets.ts";
import { AdvanceLedger } from "../../src/commands/credits/catchUp.ts";
import { CloseLedger } from "../../src/commands/credits/closure.ts";
import { SetCreditLimit } from "../../src/commands/credits/creditLimit.ts";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { AddCredits, AdjustCredits } from "../../src/commands/credits/grants.ts";
import { CaptureHold, PlaceHold, ReleaseHold } from "../../src/commands/credits/holds.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { ConfigureAutoRecharge, DeclineRecharge, SettleRecharge } from "../../src/commands/credits/recharge.ts";
import { CompleteTransfer, ReceiveTransfer, SendTransfer } from "../../src/commands/credits/transfers.ts";
import type { Actor } from "../../src/kernel/decider.ts";

/** What is asked of one ledger by name. A refund is no command: it looks the debit up first. */
export const ledgerCommands = {
  ...{ OpenLedger, AddCredits, AdjustCredits, DebitCredits, SetCreditLimit, AdvanceLedger },
  ...{ PlaceHold, CaptureHold, ReleaseHold, SetBudget, RemoveBudget, ConfigureBalanceAlert },
  ...{ ConfigureAutoRecharge, SettleRecharge, DeclineRecharge },
  ...{ SendTransfer, ReceiveTransfer, CompleteTransfer, CloseLedger },
};
export type LedgerCommands = typeof ledgerCommands;
type InputOf<C extends { input: z.ZodType }> = Omit<z.output<C["input"]>, "workspaceId">;

type Commanded = {
  [N in keyof LedgerCommands]: { command: N; input: InputOf<LedgerCommands[N]> };
}[keyof LedgerCommands];
export type Request =
  | Commanded
  | { command: "RefundTransaction"; input: { transactionId: string; amount?: number; description: string } };

/** One delivery of a command. `key` is the command's id, the same one each time it is sent. */
export type Asked = {
  deliveryId: string;
  key: string;
  now: string;
  actor: Actor;
  expectedRevision?: number;
  dryRun?: true;
  request: Request;
};

/** What became of it, without what tells nothing about the ledger: messages, positions and ids the server chose. */
export type Told =
  | { kind: "accepted"; answer: unknown; replayed: boolean; revision: number }
  | { kind: "refused"; rejected: string; code: string; details: unknown };
