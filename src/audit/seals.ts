import { createPublicKey, hash, type KeyObject, verify } from "node:crypto";
import { z } from "zod";
import { type Seal, SealStatement } from "../domain/credits/ledgerSeal.ts";
import { canonical } from "../eventstore/chain.ts";

/** Public keys by their ids, which are their thumbprints (RFC 7638): none passes for another one. */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

const Jwk = z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string() });
const Keys = z.union([Jwk.transform((key) => [key]), z.object({ keys: z.array(Jwk) }).transform(({ keys }) => keys)]);

/** From a JWK, or a JWK set (RFC 7517). Undefined where that is not what it is, or no key of a kind that seals. */
export const publicKeysOf = (json: string): PublicKeys | undefined => {
  try {
    const keys = Keys.parse(JSON.parse(json));
    return new Map(keys.map((key) => [thumbprintOf(key), createPublicKey({ key, format: "jwk" })]));
  } catch {
    return undefined;
  }
};

const thumbprintOf = ({ kty, crv, x }: z.output<typeof Jwk>): string =>
  hash("sha256", canonical({ kty, crv, x }), "base64url");

/** What is wrong with a seal's signature, in words. */
export const forgeryIn = (keys: PublicKeys, seal: Seal): string | undefined => {
  const key = keys.get(seal.keyId);
  if (!key) return `is signed with the key ${seal.keyId}, which is none of those given`;
  const signature = Buffer.from(seal.signature, "base64url");
  // The decoder drops spare bits: two spellings of one signature must not both pass.
  const isSpelledSo = signature.toString("base64url") === seal.signature;
  const statement = Buffer.from(canonical(SealStatement.parse(seal)), "utf8");
  return isSpelledSo && verify(null, statement, key, signature) ? undefined : "is not signed with the key it names";
};
