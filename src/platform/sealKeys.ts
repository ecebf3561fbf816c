import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
import { unwrapKey, wrapKey } from "./encryption.ts";
import { type Pool, query } from "./postgres.ts";
import { sql } from "./sql.ts";

/** For auditors. `kid` is its thumbprint (RFC 7638). */
type PublicKey = JWK & { kid: string };
/** What an installation signs the heads of its ledgers with. */
type SealKey = {
  publicJwk: PublicKey;
  /** Ed25519, base64url. */
  sign(text: string): string;
};
/** Errors of all: `DatabaseUnavailable`. */
export type SealKeys = {
  /** The one that seals: asked for at each seal, so that no process goes on with one that was replaced. */
  current(): Promise<SealKey>;
  /** Of all there ever were, the one that seals last: what any of them sealed stays verifiable. */
  publicKeys(): Promise<readonly PublicKey[]>;
  /** From now on a new one seals. */
  rotate(): Promise<void>;
};
type Row = { number: number; kid: string; public_jwk: JWK; wrapped_private: Buffer };

/**
 * The key pairs in the vault; the first process that asks makes the first one. At rest their private parts are
 * encrypted under `wrappingKey`: with another one this rejects.
 */
export const openSealKeys = async (pool: Pool, wrappingKey: Uint8Array): Promise<SealKeys> => {
  const opened = new Map<string, SealKey>();
  const open = ({ kid, public_jwk, wrapped_private }: Row): SealKey => {
    const key = createPrivateKey({ key: unwrapKey(wrapped_private, wrappingKey, kid), format: "der", type: "pkcs8" });
    const signed = (text: string) => sign(null, Buffer.from(text, "utf8"), key).toString("base64url");
    return { publicJwk: { ...public_jwk, kid }, sign: signed };
  };
  const current = async (): Promise<SealKey> => {
    const row = await newest(pool);
    if (!row) throw new Error("the vault has lost the keys that ledgers are sealed with");
    const key = opened.get(row.kid) ?? open(row);
    opened.set(row.kid, key);
    return key;
  };
  // Of two processes that do this at once the first one's key stays, and both seal with that.
  if (!(await newest(pool))) await keep(pool, 1, wrappingKey);
  await current();
  return {
    current,
    publicKeys: async () => {
      const rows = await query<Row>(pool, sql`select kid, public_jwk from vault.seal_keys order by number`);
      return rows.map(({ kid, public_jwk }) => ({ ...public_jwk, kid }));
    },
    rotate: async () => {
      const before = (await newest(pool))?.number ?? 0;
      if (!(await keep(pool, before + 1, wrappingKey))) throw new Error("somebody else has just made a new key");
    },
  };
};

const newest = async (pool: Pool): Promise<Row | undefined> => {
  const [row] = await query<Row>(
    pool,
    sql`select number, kid, public_jwk, wrapped_private from vault.seal_keys order by number desc limit 1`,
  );
  return row;
};

/** A new pair, unless there is one of this number. @returns whether it is kept */
const keep = async (pool: Pool, number: number, wrappingKey: Uint8Array): Promise<boolean> => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const jwk: JWK = publicKey.export({ format: "jwk" });
  const kid = await calculateJwkThumbprint(jwk);
  const publicJwk = JSON.stringify({ ...jwk, kid, alg: "EdDSA", use: "sig" });
  const wrapped = wrapKey(privateKey.export({ format: "der", type: "pkcs8" }), wrappingKey, kid);
  const kept = await query(
    pool,
    sql`insert into vault.seal_keys (number, kid, public_jwk, wrapped_private)
        values (${number}, ${kid}, ${publicJwk}, ${wrapped}) on conflict (number) do nothing returning number`,
  );
  return kept.length > 0;
};
