import { done, nothing, type Outcome, type Rules, transaction } from "./modelAnswers.ts";
import { short, tooMuch } from "./modelFunds.ts";
import { enter, ownedIn, putBack, slice, sum, take } from "./modelLedger.ts";
import type { Request } from "./requests.ts";

const refused = (reason: string): Outcome => done(() => ({ kind: "refused", reason }));

export const transferring: Pick<Rules, "SendTransfer" | "ReceiveTransfer" | "CompleteTransfer"> = {
  SendTransfer(ledger, { transferId, toWorkspaceId, amount, description }, asked) {
    const tooShort = short(ledger, amount, asked.now, Math.max(0, ownedIn(ledger)));
    if (tooShort) return tooShort;
    const parts = take(ledger, amount);
    ledger.transfers = [...ledger.transfers, { id: transferId, parts }];
    enter(ledger, "TransferSent", { transferId, toWorkspaceId, amount, parts });
    const said = transaction("TransferSent", { type: "transfer_out", sign: -1, amount, description }, asked);
    return done((entries) => ({ transferId, parts, ...said(entries) }));
  },
  ReceiveTransfer(ledger, { transferId, fromWorkspaceId, organizationId, amount, parts: sent }) {
    const reasons = [
      ledger.isClosed ? "LEDGER_CLOSED" : undefined,
      organizationId === ledger.organizationId ? undefined : "OTHER_ORGANIZATION",
      tooMuch(ledger, amount)?.code,
    ];
    const reason = reasons.find((each) => each !== undefined);
    if (reason !== undefined) {
      enter(ledger, "TransferRefused", { transferId, fromWorkspaceId, reason });
      return refused(reason);
    }
    const settled = Math.min(ledger.debt, amount);
    ledger.debt -= settled;
    const before = ledger.lotCount;
    const parts = slice(sent, settled, amount).map((part, index) => ({ ...part, lot: before + index + 1 }));
    putBack(ledger, parts);
    enter(ledger, "TransferReceived", { transferId, fromWorkspaceId, amount, parts, settled });
    return done(() => ({ kind: "received" }));
  },
  CompleteTransfer(ledger, { transferId, outcome }) {
    const sent = ledger.transfers.find(({ id }) => id === transferId);
    if (!sent) return nothing;
    ledger.transfers = ledger.transfers.filter((each) => each !== sent);
    if (outcome.kind === "received") {
      enter(ledger, "TransferCompleted", { transferId });
      return nothing;
    }
    const { parts } = sent;
    putBack(ledger, parts);
    enter(ledger, "TransferReturned", { transferId, amount: sum(parts), parts, settled: 0, reason: outcome.reason });
    return nothing;
  },
};

export const closing: Pick<Rules, "CloseLedger"> = {
  CloseLedger(ledger) {
    if (ledger.isClosed) return nothing;
    ledger.isClosed = true;
    ledger.recharge = { ...ledger.recharge, isEnabled: false };
    enter(ledger, "LedgerClosed");
    return nothing;
  },
};

/** What a closed ledger still takes: what brings to its end what is under way. */
export const windsUp: ReadonlySet<Request["command"]> = new Set([
  ...(["OpenLedger", "CloseLedger", "AdvanceLedger", "CaptureHold", "ReleaseHold", "RefundTransaction"] as const),
  ...(["SettleRecharge", "DeclineRecharge", "ReceiveTransfer", "CompleteTransfer"] as const),
]);
