import { z } from "zod";
import { creditLedger } from "../../domain/credits/creditLedger.ts";
import { PlanType } from "../../domain/credits/plans.ts";
import { command } from "../../kernel/decider.ts";
import { InLedger } from "./ledgerCommand.ts";

export const OpenLedger = command(creditLedger, {
  name: "OpenLedger",
  permission: "workspace:create",
  input: InLedger.extend({ organizationId: z.uuid(), planType: PlanType }),
  output: z.null(),
  stream: ({ workspaceId }) => workspaceId,
  decide: ({ workspaceId, organizationId, planType }, ledger, { now }) => {
    if (ledger.status === "open") return [];
    const after = { posted: 0, held: 0, available: 0 };
    const data = { workspaceId, organizationId, planType, creditLimit: 0, openedAt: now, after };
    return [{ type: "LedgerOpened", data }];
  },
  answer: () => null,
});
