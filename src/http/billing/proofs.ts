import { z } from "zod";
import type { App } from "../binder.ts";
import { exampleIds, exampleTime } from "../examples.ts";
import { debit, inWorkspace } from "./ledgerExample.ts";

const StoredLedgerEvent = z.object({
  revision: z.string(),
  position: z.string(),
  id: z.uuid(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  metadata: z.record(z.string(), z.unknown()),
});

export type ProofOperations = {
  /** The events of a ledger as they are stored, oldest first: what an auditor verifies the hash chain of. */
  ledgerEvents: (workspaceId: string) => AsyncIterable<z.output<typeof StoredLedgerEvent>>;
};

/** What an auditor needs to believe nothing but arithmetic. */
export const proofRoutes = (app: App, { ledgerEvents }: ProofOperations): void => {
  app.stream("/workspaces/:workspaceId/billing/events", {
    name: "ExportLedgerEvents",
    permission: "ledger:read",
    output: StoredLedgerEvent,
    example: {
      params: inWorkspace,
      data: {
        revision: "2",
        position: "1041",
        id: exampleIds.transaction,
        type: "CreditsDebited",
        data: { ...inWorkspace, organizationId: exampleIds.organization, amount: 10, description: debit.description },
        metadata: {
          occurredAt: exampleTime,
          chain: "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
        },
      },
    },
    lines: ({ params }) => ledgerEvents(params.workspaceId),
  });
};
