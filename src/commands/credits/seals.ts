import { randomUUID } from "node:crypto";
import { z } from "zod";
import { ledgerSeal, Seal, type SealStatement } from "../../domain/credits/ledgerSeal.ts";
import { command } from "../../kernel/decider.ts";
import { reject } from "../../kernel/rejection.ts";
import { type CommandContext, unconditional } from "../commandContext.ts";
import type { Handler } from "../handler.ts";
import { operation } from "../operation.ts";

/**
 * Records a seal. A ledger that ends before what was sealed of it, or with another link there, is not the one that was
 * sealed: it was restored from an old backup, or tampered with. What is sealed already is not sealed again.
 */
export const SealLedger = command(ledgerSeal, {
  name: "SealLedger",
  permission: "ledger:read",
  input: Seal.extend({ organizationId: z.uuid() }),
  output: Seal,
  stream: ({ workspaceId }) => workspaceId,
  decide: (seal, state) => {
    if (state.status === "unsealed" || seal.revision > state.last.revision)
      return [{ type: "LedgerSealed", data: seal }];
    const { revision: sealed, chain } = state.last;
    const { revision } = seal;
    if (revision < sealed)
      return reject("conflict", "LEDGER_BEHIND_SEAL", "The ledger ends before what was sealed of it.", {
        revision,
        sealed,
      });
    return chain === seal.chain
      ? []
      : reject("conflict", "LEDGER_UNLIKE_SEAL", "The ledger is not the one that was sealed.", { revision });
  },
  answer: ({ state }) => {
    if (state.status === "unsealed") throw new Error("a seal was recorded and is not there");
    return state.last;
  },
});

/** Where a ledger ends, as its store has it. */
type LedgerHead = Pick<Seal, "revision" | "chain"> & { organizationId: string; occurredAt: string };

export type Sealing = {
  handler: Pick<Handler, "handle">;
  /** Undefined for a ledger there is not. */
  headOf: (workspaceId: string) => Promise<LedgerHead | undefined>;
  sign: (ledger: Omit<SealStatement, "keyId">) => Seal;
};

/** Signs where a ledger ends now. Answered with the last seal: an older one when nothing has happened since. */
export const sealLedger = ({ handler, headOf, sign }: Sealing) =>
  operation({
    name: SealLedger.name,
    permission: SealLedger.permission,
    input: z.object({ workspaceId: z.uuid() }),
    output: Seal,
    execute: async ({ workspaceId }, context) => {
      const head = await headOf(workspaceId);
      if (!head) return reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");
      const { organizationId, revision, chain } = head;
      const seal = sign({ workspaceId, revision, chain, sealedAt: context.now });
      const asked: CommandContext = { ...unconditional(context), preparedFrom: { workspaceId } };
      return handler.handle(SealLedger, { ...seal, organizationId }, asked);
    },
  });

/** The same, when nobody in particular has asked for it. */
export const sealUnasked = (sealing: Sealing, workspaceId: string, now: string) => {
  const commandId = randomUUID();
  return sealLedger(sealing).execute(
    { workspaceId },
    {
      ...{ commandId, causationId: commandId, requestId: commandId, now, organizationId: null, workspaceId },
      ...{ actor: { kind: "system", id: null }, sessionId: null, ip: null, userAgent: null },
    },
  );
};

/** A seal in an exported ledger, after its events. Seals are numbered from 1: one that is left out is missed. */
export const SealLine = z.object({ seal: Seal.extend({ number: z.int().positive() }) });
export type SealLine = z.output<typeof SealLine>;
