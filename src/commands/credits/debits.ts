import { Category, Credits, Description, ReferenceId } from "../../domain/credits/amounts.ts";
import { isRejection } from "../../kernel/rejection.ts";
import { spending } from "./funds.ts";
import { asked, InLedger, ledgerCommand } from "./ledgerCommand.ts";
import { TransactionWritten, transactionWritten } from "./transaction.ts";

/** BILL-03, BILL-04: funds are checked on the stream itself. */
export const DebitCredits = ledgerCommand({
  name: "DebitCredits",
  permission: "billing:write",
  input: InLedger.extend({
    amount: Credits,
    description: Description,
    referenceId: ReferenceId.optional(),
    category: Category.optional(),
  }),
  output: TransactionWritten,
  decide: ({ amount, description, referenceId = null, category = null }, ledger, facts) => {
    const spent = spending(ledger, amount, facts);
    if (isRejection(spent)) return spent;
    return [{ type: "CreditsDebited", data: { amount, ...spent, description, referenceId, category } }];
  },
  answer: ({ events }) => transactionWritten(events, asked(events, "CreditsDebited"), "debit", -1),
});
