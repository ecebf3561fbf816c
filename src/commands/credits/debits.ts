import { z } from "zod";
import { Category, Credits, Description, ReferenceId } from "../../domain/credits/amounts.ts";
import { isRejection } from "../../kernel/rejection.ts";
import { spending } from "./funds.ts";
import { asked, InLedger, ledgerCommand } from "./ledgerCommand.ts";
import { TransactionWritten, transactionWritten } from "./transaction.ts";

/** BILL-03, BILL-04: funds are checked on the stream itself. */
export const DebitCredits = ledgerCommand({
  name: "DebitCredits",
  permission: "credits:debit",
  // Names in their order: an input that is hashed for its command is spelled canonically, at half the price.
  input: z.object({
    amount: Credits,
    category: Category.optional(),
    description: Description,
    referenceId: ReferenceId.optional(),
    ...InLedger.shape,
  }),
  output: TransactionWritten,
  decide: ({ amount, description, referenceId = null, category = null }, ledger, facts) => {
    const spent = spending(ledger, amount, facts);
    if (isRejection(spent)) return spent;
    return [{ type: "CreditsDebited", data: { amount, ...spent, description, referenceId, category } }];
  },
  answer: ({ events }) => transactionWritten(events, asked(events, "CreditsDebited"), "debit", -1),
});
