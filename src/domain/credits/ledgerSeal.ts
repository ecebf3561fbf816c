import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";

/** What a seal says: so long was the ledger at that moment, and this is the last link of its hash chain. */
export const SealStatement = z.object({
  workspaceId: z.uuid(),
  /** Of the last event sealed. */
  revision: z.int().nonnegative(),
  chain: z.string().regex(/^[0-9a-f]{64}$/),
  sealedAt: z.iso.datetime(),
  /** RFC 7638 thumbprint of the key it is signed with. */
  keyId: z.string(),
});
export type SealStatement = z.output<typeof SealStatement>;

/** `signature`: Ed25519 (RFC 8032) over the canonical JSON (RFC 8785) of the statement, base64url. */
export const Seal = SealStatement.extend({ signature: z.string().regex(/^[\w-]{86}$/) });
export type Seal = z.output<typeof Seal>;

/** Storage format: never renamed, only upcast. */
const events = {
  LedgerSealed: event(Seal.extend({ organizationId: z.uuid() })),
};

type LedgerSeal = { status: "unsealed" } | { status: "sealed"; last: Seal };

/** The seals of one ledger, each over more of it than the one before. Its id is the workspace's. */
export const ledgerSeal: Aggregate<typeof events, LedgerSeal> = {
  category: "ledger_seal",
  events,
  initial: { status: "unsealed" },
  evolve: {
    LedgerSealed: (_, { organizationId: __, ...last }) => ({ status: "sealed", last }),
  },
};
