import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
import { unwrapKey, wrapKey } from "./encryption.ts";
import { type Pool, query } from "./postgres.ts";
import { sql } from "./sql.ts";

/** What an installation signs the heads of its ledgers with. */
export type SealKey = {
  /** For auditors. `kid` is its thumbprint (RFC 7638). */
  publicJwk: JWK & { kid: string };
  /** Ed25519, base64url. */
  sign(text: string): string;
};
type Row = { kid: string; public_jwk: JWK; wrapped_private: Buffer };

/**
 * The one key pair in the vault; the first process that asks makes it. At rest its private part is encrypted under
 * `wrappingKey`. Errors: `DatabaseUnavailable`.
 */
export const openSealKey = async (pool: Pool, wrappingKey: Uint8Array): Promise<SealKey> => {
  const { kid, public_jwk, wrapped_private } = (await kept(pool)) ?? (await keptOrMade(pool, wrappingKey));
  const key = createPrivateKey({ key: unwrapKey(wrapped_private, wrappingKey, kid), format: "der", type: "pkcs8" });
  return {
    publicJwk: { ...public_jwk, kid },
    sign: (text) => sign(null, Buffer.from(text, "utf8"), key).toString("base64url"),
  };
};

const kept = async (pool: Pool): Promise<Row | undefined> => {
  const [row] = await query<Row>(pool, sql`select kid, public_jwk, wrapped_private from vault.seal_key`);
  return row;
};

/** Of two processes that do this at once the first one's key stays, and both are given that. */
const keptOrMade = async (pool: Pool, wrappingKey: Uint8Array): Promise<Row> => {
  const { kid, public_jwk, wrapped_private } = await made(wrappingKey);
  await query(
    pool,
    sql`insert into vault.seal_key (kid, public_jwk, wrapped_private)
        values (${kid}, ${JSON.stringify(public_jwk)}, ${wrapped_private}) on conflict (is_only) do nothing`,
  );
  const row = await kept(pool);
  if (!row) throw new Error("the vault has lost the key that ledgers are sealed with");
  return row;
};

const made = async (wrappingKey: Uint8Array): Promise<Row> => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const jwk: JWK = publicKey.export({ format: "jwk" });
  const kid = await calculateJwkThumbprint(jwk);
  return {
    kid,
    public_jwk: { ...jwk, kid, alg: "EdDSA", use: "sig" },
    wrapped_private: wrapKey(privateKey.export({ format: "der", type: "pkcs8" }), wrappingKey, kid),
  };
};
