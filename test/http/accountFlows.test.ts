import { createHash, createPublicKey, generateKeyPairSync, randomUUID } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { BlindIndex } from "../../src/commands/claims.ts";
import type { Handler } from "../../src/commands/handler.ts";
import { registration } from "../../src/commands/registration.ts";
import { emailClaim } from "../../src/domain/accounts/emailClaim.ts";
import { derivedId } from "../../src/kernel/ids.ts";
import { deriveKey, keyedHash, newKey } from "../../src/platform/encryption.ts";
import { contextOf } from "../commands/writeSide.ts";
import { type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { type Installation, installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
const masterKey = newKey();
const password = "correct horse battery";
let installed: Installation;
let handler: Handler;
let lines: readonly string[];
/** The same installation through two processes. */
let apis: readonly [Client, Client];
beforeAll(async () => {
  installed = await installation(stack);
  const [first, second] = [await start(), await start()];
  ({ handler, lines } = first);
  apis = [client(first.url), client(second.url)];
});
afterAll(() => stack.disposeAsync());
afterEach(() => void vi.useRealTimers());

const start = (settings: Readonly<Record<string, string>> = {}) =>
  installed.everfold({ ENCRYPTION_MASTER_KEY: masterKey.toString("base64"), ...settings });
const newAddress = () => `${randomUUID()}@example.com`;
const register = (api: Client, email: string) => api.post("/auth/register", { email, password, name: "Ada" });
const login = (api: Client, email: string, using = password) => api.post("/auth/login", { email, password: using });
const codeOf = ({ status, body }: { status: number; body: { error?: { code?: string } } }) => [
  status,
  body.error?.code,
];
const daysPass = (days: number) => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + days * 86_400_000 });
};

describe("registering", () => {
  test("AUTH-01: gives an account, without a word of its password", async () => {
    const email = newAddress();
    const answer = await register(apis[0], email);
    const { id, organizationId } = answer.body.data;
    expect([answer.status, answer.body.data]).toEqual([201, { id, email, name: "Ada", organizationId }]);
  });

  test("AUTH-01: an address is one address in whatever case it is written", async () => {
    const email = newAddress();
    expectStatus(201, await register(apis[0], email.toUpperCase()));
    expect(codeOf(await register(apis[1], email))).toEqual([409, "EMAIL_TAKEN"]);
    expect(expectStatus(200, await login(apis[1], email.toUpperCase())).user.email).toBe(email);
  });

  test("AUTH-01 ES-03: of many who register one address at once, through two processes, one succeeds", async () => {
    for (let round = 0; round < 10; round += 1) {
      const email = newAddress();
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, index) => register(apis[index % 2 ? 1 : 0], email)),
      );
      const statuses = answers.map(({ status }) => status).toSorted();
      expect(statuses).toEqual([201, 409, 409, 409, 409, 409]);
      const winner = answers.find(({ status }) => status === 201);
      expect(expectStatus(200, await login(apis[0], email)).user.id).toBe(winner?.body.data.id);
    }
  });

  test("R-05 AUTH-28: makes a personal organization, so that the next step can be a workspace", async () => {
    const ada = await signedIn(apis[0]);
    const token = ada.accessToken;
    const { id } = expectStatus(201, await apis[0].post("/workspaces", { name: "Growth" }, { token }));
    expect(expectStatus(200, await apis[0].get("/auth/me", { token }))).toEqual({
      id: ada.id,
      email: ada.email,
      name: "Ada",
      organizations: [
        { id: ada.organizationId, name: "Personal", slug: expect.stringMatching(/^personal-/), role: "admin" },
      ],
      workspaces: [{ id, name: "Growth", role: "owner" }],
    });
  });

  test.for([0, 1, 2, 3, 4])(
    "AUTH-01 AUTH-06: killed after %i writes, it is no account, and taken up by the next attempt",
    async (writes) => {
      const email = newAddress();
      const hashOf = keyedHash(deriveKey(masterKey, "blind-index"));
      const blindIndex: BlindIndex = (purpose, value) => derivedId(hashOf(`${purpose}/${value}`));
      let left = writes;
      const killed: Handler["handle"] = async (...asked) => {
        if (left === 0) throw new Error("killed");
        left -= 1;
        return handler.handle(...asked);
      };
      const noPasswords = { hashPassword: async () => "", passwordMatches: async () => false };
      const dying = registration({ handler: { ...handler, handle: killed }, blindIndex, plan: "free", ...noPasswords });
      await expect(dying.execute({ email, password, name: "Ada" }, contextOf())).rejects.toThrow("killed");
      const headers = { "x-request-id": randomUUID() };
      const early = await apis[0].post("/auth/login", { email, password }, { headers });
      const unknown = await apis[0].post("/auth/login", { email: newAddress(), password }, { headers });
      expect([early.status, early.body]).toEqual([401, unknown.body]);

      const { state: claim } = await handler.stateOf(emailClaim, blindIndex("email", email));
      const { id } = expectStatus(201, await register(apis[1], email));
      if (writes > 0) expect(claim).toMatchObject({ status: "held", userId: id });
      await vi.waitFor(async () => expect(expectStatus(200, await login(apis[0], email)).user.id).toBe(id));
      expect(codeOf(await register(apis[0], email))).toEqual([409, "EMAIL_TAKEN"]);
    },
  );

  test("AUTH-02: a password with half a character is refused, for it would be equal to others", async () => {
    const halves = { email: newAddress(), password: "\ud83dpassword", name: "Ada" };
    expect(codeOf(await apis[0].post("/auth/register", halves))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("sessions", () => {
  let ada: SignedIn;
  beforeAll(async () => {
    ada = await signedIn(apis[0]);
  });
  const signIn = async (): Promise<{ accessToken: string; refreshToken: string }> =>
    expectStatus(200, await login(apis[0], ada.email));

  test("AUTH-10: of a refresh token of 256 bits only the SHA-256 is kept, with whose it is and how long", async () => {
    const { accessToken, refreshToken } = await signIn();
    expectStatus(200, await apis[0].get("/auth/me", { token: accessToken }));
    const [sessionId, secret = ""] = refreshToken.split(".");
    expect(secret).toMatch(/^[\w-]{43}$/);
    const database = new pg.Client({ connectionString: installed.database.url });
    await database.connect();
    const hash = createHash("sha256").update(refreshToken).digest("hex");
    const text = "select * from read_model.refresh_tokens where session_id = $1";
    const { rows } = await database.query(text, [sessionId]).finally(() => database.end());
    expect(rows).toEqual([
      {
        id: expect.any(String),
        user_id: ada.id,
        session_id: sessionId,
        session_epoch: 0,
        token_hash: hash,
        expires_at: expect.anything(),
        revoked_at: null,
        created_at: expect.anything(),
      },
    ]);
    expect(Date.parse(rows[0].expires_at) - Date.parse(rows[0].created_at)).toBe(30 * 86_400_000);
    expect(lines.join()).not.toContain(secret);
  });

  test("AUTH-10: a refresh token is refused when it is expired, forged or no token at all", async () => {
    const { refreshToken } = await signIn();
    const refused = [401, "INVALID_REFRESH_TOKEN"];
    const sessionId = refreshToken.split(".")[0];
    for (const presented of [
      `${sessionId}.${"A".repeat(43)}`,
      `${randomUUID()}.${"A".repeat(43)}`,
      "x",
      refreshToken.slice(1),
    ])
      expect(codeOf(await apis[1].post("/auth/refresh", { refreshToken: presented }))).toEqual(refused);
    daysPass(30);
    expect(codeOf(await apis[0].post("/auth/refresh", { refreshToken }))).toEqual(refused);
  });

  test("AUTH-12: logging out everywhere ends every session of the user, and of nobody else", async () => {
    const [here, there] = [await signIn(), await signIn()];
    const grace = await signedIn(apis[0]);
    expectStatus(200, await apis[0].post("/auth/logout-everywhere", {}, { token: here.accessToken }));
    for (const { accessToken: token, refreshToken } of [here, there]) {
      expect((await apis[0].get("/auth/me", { token })).status).toBe(401);
      expect((await apis[0].post("/auth/refresh", { refreshToken })).status).toBe(401);
      await vi.waitFor(async () => expect((await apis[1].get("/auth/me", { token })).status).toBe(401));
      expect((await apis[1].post("/auth/refresh", { refreshToken })).status).toBe(401);
    }
    expectStatus(200, await apis[0].get("/auth/me", { token: grace.accessToken }));
    expectStatus(200, await apis[0].get("/auth/me", { token: (await signIn()).accessToken }));
  });

  test("AUTH-11: logging out ends another session of one's own with its refresh token, and nobody else's", async () => {
    const [here, there] = [await signIn(), await signIn()];
    const grace = await signedIn(apis[0]);
    const token = here.accessToken;
    const foreign = await apis[0].post("/auth/logout", { refreshToken: grace.refreshToken }, { token });
    expect(codeOf(foreign)).toEqual([401, "INVALID_REFRESH_TOKEN"]);
    expectStatus(200, await apis[0].post("/auth/refresh", { refreshToken: grace.refreshToken }));
    expectStatus(200, await apis[0].post("/auth/logout", { refreshToken: there.refreshToken }, { token }));
    for (const { accessToken } of [here, there])
      expect((await apis[0].get("/auth/me", { token: accessToken })).status).toBe(401);
  });
});

describe("access tokens", () => {
  /** What anybody can make of a token of their own and of the keys that are published. */
  const forgeries = async (accessToken: string): Promise<(readonly [token: string, reason: string])[]> => {
    const { keys } = (await apis[0].get("/.well-known/jwks.json")).body;
    const claims = decodeJwt(accessToken);
    const header = { ...decodeProtectedHeader(accessToken), typ: "at+jwt" };
    const [encodedHeader, encodedClaims, signature] = accessToken.split(".");
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const publicPem = createPublicKey({ key: keys[0], format: "jwk" }).export({ type: "spki", format: "pem" });
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const signed = (alg: string, key: Parameters<SignJWT["sign"]>[0]) =>
      new SignJWT(claims).setProtectedHeader({ ...header, alg }).sign(key);
    return [
      ["no.token.this", "malformed"],
      [await signed("RS256", privateKey), "wrong_signature"],
      [`${encodedHeader}.${encoded({ ...claims, sub: randomUUID() })}.${signature}`, "wrong_signature"],
      [`${encodedHeader}.${encodedClaims}.`, "wrong_signature"],
      [await signed("HS256", Buffer.from(publicPem)), "wrong_algorithm"],
      [`${encoded({ ...header, alg: "none" })}.${encodedClaims}.`, "wrong_algorithm"],
    ];
  };
  const reasonOf = (requestId: string): string | undefined =>
    lines.map((line) => JSON.parse(line)).find((line) => line.requestId === requestId && line.message === "request")
      ?.reason;
  /** What is told to the client, and what to the log. */
  const presented = async (authorization: string | undefined) => {
    const requestId = randomUUID();
    const headers = { "x-request-id": requestId, ...(authorization === undefined ? {} : { authorization }) };
    const { status, headers: told, body } = await apis[0].get("/auth/me", { headers });
    const reason = await vi.waitFor(() => reasonOf(requestId) ?? Promise.reject(new Error("not logged yet")));
    return { answer: [status, told.get("www-authenticate"), body.data, body.error], reason };
  };
  const unauthenticated = { code: "UNAUTHENTICATED", message: "Sign in to use this.", details: {} };

  test("AUTH-14 AUTH-07: whatever is wrong with one is told to the log alone", async () => {
    const { accessToken, email } = await signedIn(apis[0]);
    const elsewhere = [await start({ JWT_AUDIENCE: "another" }), await start({ JWT_ISSUER: "another" })];
    const foreign = elsewhere.map(
      async (other) => expectStatus(200, await login(client(other.url), email)).accessToken,
    );
    const [otherAudience, otherIssuer] = await Promise.all(foreign);
    const wrong = [
      ...(await forgeries(accessToken)),
      [otherAudience, "wrong_audience"],
      [otherIssuer, "wrong_claims"],
    ] as const;
    const schemes = [
      [undefined, "no_credentials"],
      [accessToken, "no_bearer"],
      [`Basic ${accessToken}`, "no_bearer"],
      ["Bearer", "no_bearer"],
    ] as const;
    for (const [authorization, reason] of [
      ...schemes,
      ...wrong.map(([token, why]) => [`Bearer ${token}`, why] as const),
    ])
      expect(await presented(authorization)).toEqual({ answer: [401, "Bearer", null, unauthenticated], reason });
    expectStatus(200, await apis[0].get("/auth/me", { token: accessToken }));
  });

  test("AUTH-14 AUTH-05: one that has expired is told apart, and refreshing gives another", async () => {
    const brief = client((await start({ JWT_ACCESS_EXPIRY: "1s" })).url);
    const { accessToken, refreshToken } = await signedIn(brief);
    const isExpired = async () => expect((await apis[0].get("/auth/me", { token: accessToken })).status).toBe(401);
    await vi.waitFor(isExpired, { timeout: 10_000 });
    const expired = { code: "TOKEN_EXPIRED", message: "The access token has expired.", details: {} };
    expect(await presented(`Bearer ${accessToken}`)).toEqual({
      answer: [401, "Bearer", null, expired],
      reason: "expired",
    });
    const { accessToken: token } = expectStatus(200, await apis[0].post("/auth/refresh", { refreshToken }));
    expectStatus(200, await apis[0].get("/auth/me", { token }));
  });
});

test("AUTH-23: the sixth sign-in request within a minute is refused, and told when to come back", async () => {
  const api = client((await start({ RATE_LIMIT_AUTH_MAX: "5" })).url);
  const ada = await signedIn(api);
  const token = ada.accessToken;
  const statuses = [
    (await login(api, ada.email, "wrong")).status,
    (await api.post("/auth/refresh", { refreshToken: "x" })).status,
    (await api.post("/auth/logout", { refreshToken: ada.refreshToken })).status,
  ];
  expect(statuses).toEqual([401, 401, 401]);
  const sixth = await login(api, ada.email);
  expect(codeOf(sixth)).toEqual([429, "RATE_LIMITED"]);
  expect(Number(sixth.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(Number(sixth.headers.get("retry-after"))).toBeLessThanOrEqual(60);
  expectStatus(200, await api.get("/auth/me", { token }));
  expectStatus(200, await login(apis[0], ada.email));
});
