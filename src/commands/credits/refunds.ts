import { z } from "zod";
import { Credits, Description } from "../../domain/credits/amounts.ts";
import { Charge } from "../../domain/credits/budget.ts";
import { creditLedger, type OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import { beyond, overdrawn, Part, priorityDefault, taken } from "../../domain/credits/lots.ts";
import { reject } from "../../kernel/rejection.ts";
import type { Handler } from "../handler.ts";
import { operation } from "../operation.ts";
import { asked, InLedger, ledgerCommand, tooMuch } from "./ledgerCommand.ts";
import { TransactionWritten, transactionWritten } from "./transaction.ts";

/** A debit can be refunded for so long: until then the ledger keeps in mind what was refunded of it. */
const refundableDays = 180;
const dayMs = 86_400_000;

const Refund = InLedger.extend({ transactionId: z.uuid(), amount: Credits.optional(), description: Description });

/** With the debit as it stands in the ledger. */
export const RefundDebit = ledgerCommand({
  name: "RefundDebit",
  permission: "credits:refund",
  input: Refund.extend({
    debit: z.object({ amount: Credits, parts: z.array(Part), charges: z.array(Charge), debitedAt: z.iso.datetime() }),
  }),
  output: TransactionWritten,
  windsUp: true,
  decide: ({ transactionId: debitId, amount: wanted, description, debit }, ledger, { now: refundedAt }) => {
    const refundableUntil = new Date(Date.parse(debit.debitedAt) + refundableDays * dayMs).toISOString();
    if (refundedAt > refundableUntil || refundableUntil <= ledger.refundsClosedUntil)
      return reject("conflict", "REFUND_WINDOW_CLOSED", "This debit is too old to be refunded.", { refundableUntil });
    const refunded = ledger.refunds.find((each) => each.debitId === debitId)?.amount ?? 0;
    const refundable = debit.amount - refunded;
    const amount = wanted ?? refundable;
    if (amount === 0 || amount > refundable)
      return reject("unprocessable", "REFUND_EXCEEDS_DEBIT", "More would be refunded than was debited.", {
        debited: debit.amount,
        refunded,
        refundable,
      });
    // What was taken last comes back first.
    const portion = taken(beyond(debit.parts.toReversed(), refunded), amount);
    const { charges } = debit;
    const times = { refundableUntil, refundedAt };
    const back = { amount, charges, debitId, description, ...restored(ledger, portion), ...times };
    return tooMuch(ledger, amount) ?? [{ type: "CreditsRefunded", data: back }];
  },
  answer: ({ events }) => transactionWritten(events, asked(events, "CreditsRefunded"), "refund", 1),
});

/** What had been drawn on the credit limit is paid back; what has been paid back since becomes a lot of its own. */
const restored = (ledger: OpenCreditLedger, portion: readonly Part[]): { parts: Part[]; settled: number } => {
  const settled = Math.min(overdrawn(portion), ledger.debt);
  const owned = overdrawn(portion) - settled;
  const terms = { lot: ledger.lotCount + 1, kind: "adjustment", priority: priorityDefault, expiresAt: null } as const;
  const parts = portion.filter(({ lot }) => lot !== 0);
  return { parts: owned === 0 ? parts : [...parts, { ...terms, amount: owned }], settled };
};

/** Gives back a debit or a captured hold, all that is left of it unless told, to the lots it came from. */
export const refund = ({ handler }: { handler: Handler }) =>
  operation({
    name: "RefundTransaction",
    permission: RefundDebit.permission,
    input: Refund,
    output: TransactionWritten,
    execute: async (input, context) => {
      const event = await handler.eventOf(creditLedger, input.workspaceId, input.transactionId);
      if (event?.type !== "CreditsDebited" && event?.type !== "HoldCaptured")
        return reject("missing", "TRANSACTION_NOT_FOUND", "There is no such debit in this ledger.");
      const { amount, parts, charges } = event.data;
      const debit = { amount, parts, charges, debitedAt: event.metadata.occurredAt };
      return handler.handle(RefundDebit, { ...input, debit }, { ...context, preparedFrom: input });
    },
  });
