import { z } from "zod";
import { SealLedger, SealLine, type sealLedger } from "../../commands/credits/seals.ts";
import { ledgerSeals, sealsOf } from "../../projections/ledgerSeals.ts";
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

/** Where an event stands in its store is no part of the ledger. */
const ExportedEvent = StoredLedgerEvent.omit({ position: true });
const ExportedLine = z.union([ExportedEvent, SealLine]);

export type ProofOperations = {
  seal: ReturnType<typeof sealLedger>;
  /** A ledger and its seals, for `npm run audit -- verify`. */
  ledgerExport: (workspaceId: string) => AsyncIterable<z.output<typeof ExportedLine>>;
  /** The events of a ledger as they are stored, oldest first: what an auditor verifies the hash chain of. */
  ledgerEvents: (workspaceId: string) => AsyncIterable<z.output<typeof StoredLedgerEvent>>;
};

const chain = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";
const exampleEvent = {
  revision: "2",
  position: "1041",
  id: exampleIds.transaction,
  type: "CreditsDebited",
  data: { ...inWorkspace, organizationId: exampleIds.organization, amount: 10, description: debit.description },
  metadata: { occurredAt: exampleTime, chain },
};
const exampleSeal = {
  ...inWorkspace,
  revision: 2,
  chain,
  sealedAt: exampleTime,
  keyId: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
  signature: "gpx0B6AjX4dDVCdJIfMkNuuNNj5H4pTBgbwaVpMCiTLM0yn1WmSfWJrV8pCkGtvNGvLbYjjYDn3yPbTQlsXzDA",
};

/** What an auditor needs to believe nothing but arithmetic. */
export const proofRoutes = (app: App, { seal, ledgerExport, ledgerEvents }: ProofOperations): void => {
  app.command("POST", "/workspaces/:workspaceId/billing/seals", seal, {
    status: 201,
    example: { params: inWorkspace, data: exampleSeal },
  });
  app.list("/workspaces/:workspaceId/billing/seals", {
    name: "ListSeals",
    permission: SealLedger.permission,
    from: [ledgerSeals],
    output: SealLedger.output,
    example: { params: inWorkspace, data: exampleSeal },
    load: (read, { params, query }) => sealsOf(read, params.workspaceId, query),
  });

  const { position: _, ...exported } = exampleEvent;
  app.stream("/workspaces/:workspaceId/billing/export", {
    name: "ExportLedger",
    permission: "ledger:audit",
    output: ExportedLine,
    example: { params: inWorkspace, data: exported },
    lines: ({ params }) => ledgerExport(params.workspaceId),
  });
  app.stream("/workspaces/:workspaceId/billing/events", {
    name: "ExportLedgerEvents",
    permission: "ledger:audit",
    output: StoredLedgerEvent,
    example: { params: inWorkspace, data: exampleEvent },
    lines: ({ params }) => ledgerEvents(params.workspaceId),
  });
};
