import { createPrivateKey, createPublicKey, generateKeyPair, type JsonWebKey, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { calculateJwkThumbprint, type JSONWebKeySet, type JWK } from "jose";
import { unwrapKey, wrapKey } from "./encryption.ts";
import { type Pool, query, type Transaction, transaction } from "./postgres.ts";
import { sql } from "./sql.ts";

const MODULUS_BITS = 2_048;
/** An unknown `kid` is looked up in the vault at most this often: anybody can send one. */
const RELOAD_INTERVAL_MS = 10_000;
/** Held while the first key is made, so that processes that start at once agree on one. */
const CREATION_LOCK = 7_310_482_915;

export type SigningKeys = {
  /** What new tokens are signed with. */
  current(): { kid: string; privateKey: KeyObject };
  /** The public key of that id, asking the vault again when it is not known. */
  find(kid: string): Promise<KeyObject | undefined>;
  jwks(): JSONWebKeySet;
};
type Row = { kid: string; public_jwk: JWK; wrapped_private: Buffer };
type Keys = { current: { kid: string; privateKey: KeyObject }; published: ReadonlyMap<string, [JWK, KeyObject]> };

/**
 * The signing keys in the vault; the first start makes one. At rest private keys are encrypted under `wrappingKey`.
 * Errors: `DatabaseUnavailable`.
 */
export const openSigningKeys = async (pool: Pool, wrappingKey: Uint8Array): Promise<SigningKeys> => {
  let keys = keysOf(await transaction(pool, (connection) => keptOrMade(connection, wrappingKey)), wrappingKey);
  let loadedAtMs = Date.now();

  const reload = async (): Promise<void> => {
    if (Date.now() - loadedAtMs < RELOAD_INTERVAL_MS) return;
    loadedAtMs = Date.now();
    keys = keysOf(await kept(pool), wrappingKey);
  };

  return {
    current: () => keys.current,
    find: async (kid) => {
      if (!keys.published.has(kid)) await reload();
      return keys.published.get(kid)?.[1];
    },
    jwks: () => ({ keys: [...keys.published.values()].map(([jwk]) => jwk) }),
  };
};

const keptOrMade = async (connection: Transaction, wrappingKey: Uint8Array): Promise<Row[]> => {
  await query(connection, sql`select pg_advisory_xact_lock(${CREATION_LOCK})`);
  const rows = await kept(connection);
  if (rows.length > 0) return rows;
  const { kid, public_jwk, wrapped_private } = await made(wrappingKey);
  await query(
    connection,
    sql`insert into vault.signing_keys (kid, public_jwk, wrapped_private)
        values (${kid}, ${JSON.stringify(public_jwk)}, ${wrapped_private})`,
  );
  return kept(connection);
};

/** Newest first: the newest signs. A retired key verifies nothing any more. */
const kept = (on: Pool | Transaction): Promise<Row[]> =>
  query<Row>(
    on,
    sql`select kid, public_jwk, wrapped_private from vault.signing_keys
        where retired_at is null order by created_at desc, kid`,
  );

/** `kid` is the key's thumbprint (RFC 7638): it can be computed from the key and never names two. */
const made = async (wrappingKey: Uint8Array): Promise<Row> => {
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: MODULUS_BITS });
  const jwk: JWK = publicKey.export({ format: "jwk" });
  const kid = await calculateJwkThumbprint(jwk);
  return {
    kid,
    public_jwk: { ...jwk, kid, alg: "RS256", use: "sig" },
    wrapped_private: wrapKey(privateKey.export({ format: "der", type: "pkcs8" }), wrappingKey, kid),
  };
};

const keysOf = (rows: readonly Row[], wrappingKey: Uint8Array): Keys => {
  const [newest] = rows;
  if (newest === undefined) throw new Error("the vault holds no signing key that is not retired");
  const privateKey = createPrivateKey({
    key: unwrapKey(newest.wrapped_private, wrappingKey, newest.kid),
    format: "der",
    type: "pkcs8",
  });
  const published = rows.map(({ kid, public_jwk }) => [kid, [public_jwk, publicKeyOf(public_jwk)]] as const);
  return {
    current: { kid: newest.kid, privateKey },
    published: new Map(published.map(([kid, [j, k]]) => [kid, [j, k]])),
  };
};

const publicKeyOf = (jwk: JWK): KeyObject => createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
