import { type Sealing, sealUnasked } from "./commands/credits/seals.ts";
import type { Handler } from "./commands/handler.ts";
import { creditLedger } from "./domain/credits/creditLedger.ts";
import { ledgerSeal, Seal } from "./domain/credits/ledgerSeal.ts";
import { canonical } from "./eventstore/chain.ts";
import type { EventStore } from "./eventstore/store.ts";
import { isRejection } from "./kernel/rejection.ts";
import { deriveKey } from "./platform/encryption.ts";
import type { Pool } from "./platform/postgres.ts";
import { openSealKeys, type SealKeys } from "./platform/sealKeys.ts";

/** The installation's keys. `pool` is of the API's role. */
export const installedSealKeys = (pool: Pool, masterKey: Uint8Array): Promise<SealKeys> =>
  openSealKeys(pool, deriveKey(masterKey, "seal-key"));

const ledgerStream = (workspaceId: string): string => `${creditLedger.category}-${workspaceId}`;

type Within = { handler: Pick<Handler, "handle">; store: Pick<EventStore, "last" | "read">; keys: SealKeys };

/** What sealing takes, for whoever asks for it. */
export const sealingWith = ({ handler, store, keys }: Within): Sealing => ({
  handler,
  headOf: async (workspaceId) => {
    const last = await store.last(ledgerStream(workspaceId));
    if (!last) return undefined;
    const { occurredAt, chain = "" } = last.metadata;
    const organizationId = String(last.data["organizationId"]);
    return { organizationId, revision: Number(last.revision), chain, occurredAt };
  },
  lastSealed: async (workspaceId) => {
    const last = await store.last(`${ledgerSeal.category}-${workspaceId}`);
    if (!last) return null;
    const { revision } = Seal.parse(last.data);
    const [event] = await Array.fromAsync(store.read(ledgerStream(workspaceId), BigInt(revision), 1));
    return { revision, chain: event?.metadata.chain ?? null };
  },
  sign: async (ledger) => {
    const key = await keys.current();
    const statement = { ...ledger, keyId: key.publicJwk.kid };
    return { ...statement, signature: key.sign(canonical(statement)) };
  },
});

/** The seal over where a ledger ends now. Undefined where it is not the one that was sealed before, or not there. */
export const sealedNow =
  (sealing: Sealing, now: () => string) =>
  async (workspaceId: string): Promise<Seal | undefined> => {
    const outcome = await sealUnasked(sealing, workspaceId, now());
    return isRejection(outcome) ? undefined : outcome.answer;
  };
