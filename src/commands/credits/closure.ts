import { z } from "zod";
import { InLedger, ledgerCommand } from "./ledgerCommand.ts";

/**
 * For good, once the workspace is gone: nothing is charged for, spent or received any more. What is under way comes to
 * its end: holds are given back, a recharge that was asked for is settled, a transfer returns.
 */
export const CloseLedger = ledgerCommand({
  name: "CloseLedger",
  permission: "credits:admin",
  input: InLedger,
  output: z.null(),
  catchesUp: true,
  windsUp: true,
  decide: (_, { isClosed }) => (isClosed ? [] : [{ type: "LedgerClosed", data: {} }]),
  answer: () => null,
});
