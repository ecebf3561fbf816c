import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { createLocalJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { newKey } from "../../src/platform/encryption.ts";
import { passwords } from "../../src/platform/passwords.ts";
import { type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
let url: string;
/** The same installation through two processes. */
let apis: readonly [Client, Client];
beforeAll(async () => {
  const { everfold } = await installation(stack);
  const [first, second] = [await everfold(), await everfold()];
  url = first.url;
  apis = [client(first.url), client(second.url)];
});
afterAll(() => stack.disposeAsync());

const runs = { numRuns: 100 };
const anyProcess = fc.constantFrom(0, 1);
const address = fc.stringMatching(/^[a-z0-9]{1,24}$/).map((name) => `${name}@nowhere.example`);
const password = fc.string({ unit: "grapheme", minLength: 8, maxLength: 40 }).filter((text) => text.length <= 128);
const sameText = (one: string, other: string) => one.normalize("NFKC") === other.normalize("NFKC");

const signInAgain = async (api: Client, { email, password }: SignedIn): Promise<Tokens> =>
  expectStatus(200, await api.post("/auth/login", { email, password }));
type Tokens = { accessToken: string; refreshToken: string };

/** Asks for a workspace that is not there: who is signed in learns that, without the read models having to catch up. */
const statusOf = async (api: Client, token: string) => (await api.get(`/workspaces/${randomUUID()}`, { token })).status;
const [signedInStatus, signedOutStatus] = [404, 401];

const refreshed = (api: Client, refreshToken: string) => api.post("/auth/refresh", { refreshToken });
const isRefused = async (api: Client, refreshToken: string): Promise<void> => {
  const { status, body } = await refreshed(api, refreshToken);
  expect([status, body.error.code]).toEqual([401, "INVALID_REFRESH_TOKEN"]);
};

describe("P1 AUTH-02: a password's hash matches that password and no other", () => {
  const { hash, matches } = passwords({ pepper: newKey(), cost: 4 });
  const any = fc.oneof(
    fc.string({ unit: "binary", maxLength: 160 }),
    fc.string({ unit: "grapheme", minLength: 20, maxLength: 60 }),
    fc.string({ minLength: 73, maxLength: 128 }),
  );

  test("P1 AUTH-02: whatever it is made of and however long it is", () =>
    fc.assert(
      fc.asyncProperty(any, any, async (chosen, other) => {
        const stored = await hash(chosen);
        expect(await matches(chosen, stored)).toBe(true);
        expect(await matches(other, stored)).toBe(sameText(chosen, other));
      }),
      runs,
    ));

  test("P1 AUTH-02: also when both begin with the same 72 bytes", () => {
    const head = fc.constantFrom("a".repeat(72), "é".repeat(36), "🔑".repeat(18), `\0${"z".repeat(71)}`);
    const tail = fc.string({ unit: "grapheme", maxLength: 20 });
    return fc.assert(
      fc.asyncProperty(head, tail, tail, async (start, end, otherEnd) => {
        const stored = await hash(start + end);
        expect(await matches(start + end, stored)).toBe(true);
        expect(await matches(start + otherEnd, stored)).toBe(sameText(start + end, start + otherEnd));
      }),
      runs,
    );
  });
});

test("P2 AUTH-04 AUTH-05 AUTH-07: a login's token names user, session and organization for 15 minutes", async () => {
  const { body } = await apis[0].get("/.well-known/jwks.json");
  const keys = createLocalJWKSet(body);
  const sessions = new Set<unknown>();
  const person = fc.record({ password, name: fc.string({ minLength: 1, maxLength: 100 }) });
  await fc.assert(
    fc.asyncProperty(person, anyProcess, async (given, at) => {
      const account = await signedIn(apis[at], given);
      const { payload, protectedHeader } = await jwtVerify(account.accessToken, keys, {
        issuer: "everfold",
        audience: "everfold-api",
      });
      expect(protectedHeader).toEqual({ alg: "RS256", typ: "at+jwt", kid: body.keys[0].kid });
      expect(payload).toEqual({
        sub: account.id,
        sid: account.refreshToken.split(".")[0],
        orgId: account.organizationId,
        roles: ["admin"],
        iat: expect.any(Number),
        exp: Number(payload.iat) + 900,
        iss: "everfold",
        aud: "everfold-api",
        jti: expect.any(String),
      });
      expect(Math.abs(Number(payload.iat) - Date.now() / 1_000)).toBeLessThan(60);
      expect(sessions).not.toContain(payload["sid"]);
      sessions.add(payload["sid"]);
    }),
    runs,
  );
});

test("P3 AUTH-06: an unknown address and a wrong password are answered with the same bytes", async () => {
  const known = await signedIn(apis[0]);
  const written = fc.constantFrom(known.email, known.email.toUpperCase());
  const tried = fc.string({ minLength: 1, maxLength: 200 }).filter((text) => !sameText(text, known.password));
  const requestId = "9f0f4c52-7a53-4d3c-8d3a-000000000003";
  const answer = async (email: string, password: string) => {
    const response = await fetch(`${url}/api/v1/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": requestId },
      body: JSON.stringify({ email, password }),
    });
    const headers = [...response.headers].filter(([name]) => name !== "date");
    return { status: response.status, headers, body: await response.text() };
  };
  await fc.assert(
    fc.asyncProperty(written, address, tried, async (knownAddress, unknownAddress, wrong) => {
      const toKnown = await answer(knownAddress, wrong);
      expect(toKnown.status).toBe(401);
      expect(JSON.parse(toKnown.body).error.code).toBe("INVALID_CREDENTIALS");
      expect(await answer(unknownAddress, wrong)).toEqual(toKnown);
      expect(await answer(unknownAddress, known.password)).toEqual(toKnown);
    }),
    runs,
  );
});

describe("P4 AUTH-09: refreshing rotates", () => {
  let account: SignedIn;
  beforeAll(async () => {
    account = await signedIn(apis[0]);
  });

  test("P4 AUTH-09: each refresh gives new tokens that work and rejects all older ones", () =>
    fc.assert(
      fc.asyncProperty(fc.array(anyProcess, { minLength: 1, maxLength: 4 }), anyProcess, async (path, verifier) => {
        const spent: string[] = [];
        let current = await signInAgain(apis[0], account);
        for (const at of path) {
          spent.push(current.refreshToken);
          current = expectStatus(200, await refreshed(apis[at], current.refreshToken));
          expect(spent).not.toContain(current.refreshToken);
        }
        for (const old of spent) await isRefused(apis[verifier], old);
        expect(await statusOf(apis[verifier], current.accessToken)).toBe(signedInStatus);
        expectStatus(200, await refreshed(apis[verifier], current.refreshToken));
      }),
      runs,
    ));

  test("P4 AUTH-09: of refreshes with one token at the same time, through two processes, exactly one succeeds", () =>
    fc.assert(
      fc.asyncProperty(fc.array(anyProcess, { minLength: 2, maxLength: 5 }), async (path) => {
        const { refreshToken } = await signInAgain(apis[0], account);
        const answers = await Promise.all(path.map((at) => refreshed(apis[at], refreshToken)));
        const [winner, ...others] = answers.toSorted((one, other) => one.status - other.status);
        expect(winner?.status).toBe(200);
        expect(others.map(({ status }) => status)).toEqual(others.map(() => 401));
        expectStatus(200, await refreshed(apis[0], winner?.body.data.refreshToken));
      }),
      runs,
    ));
});

test("P5 AUTH-11: after logout neither refresh token nor access token is accepted by any process", async () => {
  const account = await signedIn(apis[0]);
  await fc.assert(
    fc.asyncProperty(anyProcess, anyProcess, async (start, end) => {
      const { accessToken: token, refreshToken } = await signInAgain(apis[start], account);
      for (const api of apis) expect(await statusOf(api, token)).toBe(signedInStatus);
      expectStatus(200, await apis[end].post("/auth/logout", { refreshToken }, { token }));

      expect(await statusOf(apis[end], token)).toBe(signedOutStatus);
      for (const api of apis) await isRefused(api, refreshToken);
      const other = apis[1 - end] ?? apis[0];
      await vi.waitFor(async () => expect(await statusOf(other, token)).toBe(signedOutStatus), { interval: 2 });
    }),
    runs,
  );
});
