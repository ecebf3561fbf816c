import { randomUUID } from "node:crypto";
import { z } from "zod";
import { ledgerSeal, Seal, type SealStatement } from "../../domain/credits/ledgerSeal.ts";
import { command } from "../../kernel/decider.ts";
import { type Rejection, reject } from "../../kernel/rejection.ts";
import { type CommandContext, unconditional } from "../commandContext.ts";
import type { Handler } from "../handler.ts";
import { operation } from "../operation.ts";

/** The last seal's revision, with the link the ledger itself has there: null where it has no such event any more. */
const SealedLink = z.object({ revision: z.int().nonnegative(), chain: z.string().nullable() });
type SealedLink = z.output<typeof SealedLink>;

/**
 * Records a seal. A ledger that ends before what was sealed of it, or has another link there, is not the one that was
 * sealed: it was restored from an old backup, or tampered with. What is sealed already is not sealed again.
 */
export const SealLedger = command(ledgerSeal, {
  name: "SealLedger",
  permission: "ledger:audit",
  input: Seal.extend({ organizationId: z.uuid(), sealed: SealedLink.nullable() }),
  output: Seal,
  stream: ({ workspaceId }) => workspaceId,
  decide: ({ sealed, ...seal }, state) => {
    if (state.status === "unsealed") return [{ type: "LedgerSealed", data: seal }];
    const { revision, chain } = state.last;
    if (seal.revision === revision) return chain === seal.chain ? [] : unlikeSeal(revision);
    if (sealed?.revision !== revision) return sealedMeanwhile;
    if (seal.revision < revision)
      return reject("conflict", "LEDGER_BEHIND_SEAL", "The ledger ends before what was sealed of it.", {
        revision: seal.revision,
        sealed: revision,
      });
    return sealed.chain === chain ? [{ type: "LedgerSealed", data: seal }] : unlikeSeal(revision);
  },
  answer: ({ state }) => {
    if (state.status === "unsealed") throw new Error("a seal was recorded and is not there");
    return state.last;
  },
});

const unlikeSeal = (revision: number): Rejection =>
  reject("conflict", "LEDGER_UNLIKE_SEAL", "The ledger is not the one that was sealed.", { revision });

/** The ledger was not looked at where that seal is. */
const sealedMeanwhile = reject(
  "conflict",
  "CONTENTION",
  "Somebody else has just sealed this ledger. Please try again.",
);

/** Where a ledger ends, as its store has it. */
type LedgerHead = Pick<Seal, "revision" | "chain"> & { organizationId: string; occurredAt: string };

export type Sealing = {
  handler: Pick<Handler, "handle">;
  /** Undefined for a ledger there is not. */
  headOf: (workspaceId: string) => Promise<LedgerHead | undefined>;
  /** Null for a ledger without a seal. */
  lastSealed: (workspaceId: string) => Promise<SealedLink | null>;
  /** With the key that seals now. */
  sign: (ledger: Omit<SealStatement, "keyId">) => Promise<Seal>;
};

/** Signs where a ledger ends now. Answered with the last seal: an older one when nothing has happened since. */
export const sealLedger = ({ handler, headOf, lastSealed, sign }: Sealing) =>
  operation({
    name: SealLedger.name,
    permission: SealLedger.permission,
    input: z.object({ workspaceId: z.uuid() }),
    output: Seal,
    execute: async ({ workspaceId }, context) => {
      // Before the end, which could else be behind what is sealed in between; and before it is known which key seals
      // now: a seal by one that was replaced does not come behind one by its successor.
      const sealed = await lastSealed(workspaceId);
      const head = await headOf(workspaceId);
      if (!head) return reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");
      const { organizationId, revision, chain } = head;
      const seal = await sign({ workspaceId, revision, chain, sealedAt: context.now });
      const asked: CommandContext = { ...unconditional(context), preparedFrom: { workspaceId } };
      return handler.handle(SealLedger, { ...seal, organizationId, sealed }, asked);
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
