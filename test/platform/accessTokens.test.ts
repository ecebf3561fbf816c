import { createHmac, generateKeyPairSync, randomUUID } from "node:crypto";
import fc from "fast-check";
import { decodeJwt, decodeProtectedHeader, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessTokens } from "../../src/platform/accessTokens.ts";
import { newKey } from "../../src/platform/encryption.ts";
import { openPool, type Pool, query } from "../../src/platform/postgres.ts";
import { openSigningKeys, type SigningKeys } from "../../src/platform/signingKeys.ts";
import { sql } from "../../src/platform/sql.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

const wrappingKey = newKey();
const issuer = "everfold";
const audience = "everfold-api";
const ada = { userId: randomUUID(), sessionId: randomUUID(), organizationId: randomUUID(), roles: ["admin"] };

let database: TestDatabase;
let pool: Pool;
let keys: SigningKeys;
beforeAll(async () => {
  database = await testDatabase();
  pool = openPool({
    url: database.url,
    role: "everfold_api",
    max: 4,
    idleTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
    onError: () => undefined,
  });
  const [first, second] = await Promise.all([openSigningKeys(pool, wrappingKey), openSigningKeys(pool, wrappingKey)]);
  expect(first.current().kid).toBe(second.current().kid);
  keys = first;
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const tokensAt = (now: () => number) => accessTokens({ keys, issuer, audience, lifetimeS: 900, now });
const forged = (
  claims: JWTPayload,
  { typ = "at+jwt", kid = keys.current().kid, key = keys.current().privateKey } = {},
) =>
  new SignJWT({ sid: ada.sessionId, orgId: ada.organizationId, roles: [], iss: issuer, aud: audience, ...claims })
    .setProtectedHeader({ alg: "RS256", typ, kid })
    .setSubject(claims.sub ?? ada.userId)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime("15m")
    .sign(key);

describe("access tokens", () => {
  it("P2, AUTH-04: say whose they are, of which session and organization", async () => {
    const tokens = tokensAt(Date.now);
    const subject = fc.record({
      userId: fc.uuid(),
      sessionId: fc.uuid(),
      organizationId: fc.uuid(),
      roles: fc.array(fc.string()),
    });
    await fc.assert(
      fc.asyncProperty(subject, async (given) => {
        const { accessToken } = await tokens.sign(given);
        expect(await tokens.verify(accessToken)).toMatchObject(given);
        expect(decodeJwt(accessToken)).toMatchObject({
          sub: given.userId,
          sid: given.sessionId,
          iss: issuer,
          aud: audience,
        });
      }),
      { numRuns: 100 },
    );
  });

  it("AUTH-07: are signed with RS256 under a key that the JWKS names", async () => {
    const { accessToken } = await tokensAt(Date.now).sign(ada);
    const { kid } = keys.current();
    expect(decodeProtectedHeader(accessToken)).toEqual({ alg: "RS256", typ: "at+jwt", kid });
    expect(keys.jwks().keys).toEqual([
      { kty: "RSA", kid, alg: "RS256", use: "sig", e: "AQAB", n: expect.stringMatching(/^[\w-]{342}$/) },
    ]);
  });

  it("AUTH-05: end after the lifetime set, also when they were verified before", async () => {
    let nowMs = Date.parse("2026-11-20T12:00:00Z");
    const tokens = tokensAt(() => nowMs);
    const { accessToken, expiresIn } = await tokens.sign(ada);
    const { iat = 0, exp = 0 } = decodeJwt(accessToken);
    expect([expiresIn, exp - iat]).toEqual([900, 900]);
    nowMs += 899_000;
    expect(await tokens.verify(accessToken)).toMatchObject(ada);
    nowMs += 1_000;
    expect(await tokens.verify(accessToken)).toEqual({ fault: "expired" });
    expect(await tokensAt(() => nowMs).verify(accessToken)).toEqual({ fault: "expired" });
  });

  it("AUTH-07, AUTH-14: are refused for everything that is not right, each fault by its name", async () => {
    const tokens = tokensAt(Date.now);
    const { accessToken } = await tokens.sign(ada);
    const [header = "", payload = "", signature = ""] = accessToken.split(".");
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const { privateKey: foreignKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const publicPem = JSON.stringify(keys.jwks().keys[0]);
    const symmetric = `${encoded({ alg: "HS256", typ: "at+jwt", kid: keys.current().kid })}.${payload}`;
    const faultOf = async (token: string) => (await tokens.verify(token)) as unknown;

    expect(await faultOf("")).toEqual({ fault: "malformed" });
    expect(await faultOf("a.b.c")).toEqual({ fault: "malformed" });
    expect(await faultOf(`${header}.${payload}.${"A".repeat(5_000)}`)).toEqual({ fault: "malformed" });
    expect(await faultOf(`${encoded({ alg: "none", typ: "at+jwt" })}.${payload}.`)).toEqual({
      fault: "wrong_algorithm",
    });
    expect(
      await faultOf(`${symmetric}.${createHmac("sha256", publicPem).update(symmetric).digest("base64url")}`),
    ).toEqual({
      fault: "wrong_algorithm",
    });
    expect(
      await faultOf(`${header}.${encoded({ ...decodeJwt(accessToken), sub: randomUUID() })}.${signature}`),
    ).toEqual({
      fault: "wrong_signature",
    });
    expect(await faultOf(await forged({}, { key: foreignKey }))).toEqual({ fault: "wrong_signature" });
    expect(await faultOf(await forged({}, { kid: "unheard-of" }))).toEqual({ fault: "wrong_signature" });
    expect(await faultOf(await forged({ aud: "another-api" }))).toEqual({ fault: "wrong_audience" });
    expect(await faultOf(await forged({ iss: "another" }))).toEqual({ fault: "wrong_claims" });
    expect(await faultOf(await forged({}, { typ: "JWT" }))).toEqual({ fault: "wrong_claims" });
    expect(await faultOf(await forged({ sid: "no uuid" }))).toEqual({ fault: "wrong_claims" });
    expect(await faultOf(await forged({}))).toMatchObject({ userId: ada.userId });
  });

  it("are signed with a key that is only kept encrypted, and read again at the next start", async () => {
    const [row] = await query<{ wrapped_private: Buffer }>(pool, sql`select wrapped_private from vault.signing_keys`);
    const stored = keys.current().privateKey.export({ format: "der", type: "pkcs8" });
    expect(row?.wrapped_private.includes(stored.subarray(40, 80))).toBe(false);
    const restarted = accessTokens({ keys: await openSigningKeys(pool, wrappingKey), issuer, audience, lifetimeS: 60 });
    const { accessToken } = await tokensAt(Date.now).sign(ada);
    expect(await restarted.verify(accessToken)).toMatchObject(ada);
    await expect(openSigningKeys(pool, newKey())).rejects.toThrow();
  });
});
