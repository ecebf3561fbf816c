import { hash, type KeyObject, randomUUID } from "node:crypto";
import { errors, type JSONWebKeySet, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { SigningKeys } from "./signingKeys.ts";

const ALGORITHM = "RS256";
/** RFC 9068: an access token cannot pass for any other kind of token, nor another kind for it. */
const TYPE = "at+jwt";
/**
 * Verified tokens remembered: an RS256 verification costs as much as the rest of a short request. By their digests, so
 * that what is found in a dump of the memory is nobody's token.
 */
const VERIFIED_MAX = 10_000;
/** Longer than any token of ours, and what RFC 6750 makes tokens of; others are not looked at. */
const TOKEN_LENGTH_MAX = 4_096;
const tokenPattern = /^[\w.~+/-]+=*$/;

type AccessSubject = { userId: string; sessionId: string; organizationId: string; roles: readonly string[] };
/** `roles` is what they were when the token was made, for clients to show; nothing is decided on it. */
export type AccessClaims = AccessSubject & { tokenId: string; issuedAtS: number; expiresAtS: number };

/** Why a token is not accepted; for the log, and "expired" for the client. */
export type TokenFault = {
  fault: "malformed" | "expired" | "wrong_algorithm" | "wrong_signature" | "wrong_audience" | "wrong_claims";
};

type AccessTokens = {
  /** `expiresIn` in seconds. */
  sign(subject: AccessSubject): Promise<{ accessToken: string; expiresIn: number }>;
  verify(token: string): Promise<AccessClaims | TokenFault>;
  jwks(): JSONWebKeySet;
};

const Claims = z.object({
  sub: z.uuid(),
  sid: z.uuid(),
  orgId: z.uuid(),
  roles: z.array(z.string()),
  jti: z.uuid(),
  iat: z.int(),
  exp: z.int(),
});

/** AUTH-04, AUTH-05, AUTH-07: RS256 tokens of one issuer for one audience. `now` in milliseconds. */
export const accessTokens = (options: {
  keys: SigningKeys;
  issuer: string;
  audience: string;
  lifetimeS: number;
  now?: () => number;
}): AccessTokens => {
  const { keys, issuer, audience, lifetimeS, now = Date.now } = options;
  const verified = new LRUCache<string, AccessClaims>({ max: VERIFIED_MAX });

  return {
    sign: async ({ userId, sessionId, organizationId, roles }) => {
      const { kid, privateKey } = keys.current();
      const issuedAtS = Math.floor(now() / 1_000);
      const accessToken = await new SignJWT({ sid: sessionId, orgId: organizationId, roles: [...roles] })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setJti(randomUUID())
        .setIssuedAt(issuedAtS)
        .setExpirationTime(issuedAtS + lifetimeS)
        .sign(privateKey);
      return { accessToken, expiresIn: lifetimeS };
    },
    verify: async (token) => {
      if (token.length > TOKEN_LENGTH_MAX) return { fault: "malformed" };
      const digest = hash("sha256", token, "base64");
      const known = verified.get(digest);
      if (known) return known.expiresAtS * 1_000 > now() ? known : { fault: "expired" };
      if (!tokenPattern.test(token)) return { fault: "malformed" };
      const outcome = await proved(token);
      if (!("fault" in outcome)) verified.set(digest, outcome);
      return outcome;
    },
    jwks: () => keys.jwks(),
  };

  async function proved(token: string): Promise<AccessClaims | TokenFault> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => publicKey(kid), {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer,
        audience,
        requiredClaims: ["exp", "iat", "jti", "sub"],
        currentDate: new Date(now()),
      });
      return claimsIn(payload);
    } catch (error) {
      return { fault: faultOf(error) };
    }
  }

  async function publicKey(kid: string | undefined): Promise<KeyObject> {
    const key = kid === undefined ? undefined : await keys.find(kid);
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return key;
  }
};

const claimsIn = (payload: JWTPayload): AccessClaims | TokenFault => {
  const { success, data } = Claims.safeParse(payload);
  if (!success) return { fault: "wrong_claims" };
  const { sub: userId, sid: sessionId, orgId: organizationId, roles, jti: tokenId, iat, exp } = data;
  return { userId, sessionId, organizationId, roles, tokenId, issuedAtS: iat, expiresAtS: exp };
};

const faultOf = (error: unknown): TokenFault["fault"] => {
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === "aud" ? "wrong_audience" : "wrong_claims";
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey)
    return "wrong_signature";
  if (error instanceof errors.JOSEAlgNotAllowed) return "wrong_algorithm";
  if (error instanceof errors.JOSEError) return "malformed";
  throw error;
};
