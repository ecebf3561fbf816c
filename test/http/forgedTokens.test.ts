import { createHmac, generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import { exportJWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deriveKey } from "../../src/platform/encryption.ts";
import { openPool } from "../../src/platform/postgres.ts";
import { openSigningKeys } from "../../src/platform/signingKeys.ts";
import { type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { installation, masterKey } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
let api: Client;
let lines: readonly string[];
let ada: SignedIn;
let grace: SignedIn;
/** What Everfold signs with: who forges with it shows that the signature alone opens nothing. */
let ours: { kid: string; privateKey: KeyObject; publicKey: KeyObject };
/** The forger's own key, and where its public half is offered; whoever asks for it is noted. */
const theirs = generateKeyPairSync("rsa", { modulusLength: 2_048 });
let offered: { url: string; asked: string[] };

beforeAll(async () => {
  const { everfold, database } = await installation(stack);
  const started = await everfold({ ROLES: "api,projections" });
  [api, lines] = [client(started.url), started.lines];
  [ada, grace] = [await signedIn(api), await signedIn(api)];
  const settings = { role: "everfold_api", max: 1, idleTimeoutMs: 5_000, statementTimeoutMs: 5_000 } as const;
  const pool = openPool({ url: database.url, ...settings, onError: () => undefined });
  const keys = await openSigningKeys(pool, deriveKey(Buffer.from(masterKey, "base64"), "signing-keys"));
  await pool.end();
  const { kid, privateKey } = keys.current();
  const publicKey = await keys.find(kid);
  if (publicKey === undefined) throw new Error("the current key can be found");
  ours = { kid, privateKey, publicKey };
  offered = await offering(JSON.stringify({ keys: [{ ...(await exportJWK(theirs.publicKey)), kid }] }));
});
afterAll(() => stack.disposeAsync());

const offering = async (jwks: string): Promise<typeof offered> => {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end(jwks);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stack.defer(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens on a port");
  return { url: `http://127.0.0.1:${address.port}/jwks.json`, asked };
};

type Forged = { header?: object; claims?: JWTPayload; key?: KeyObject | Uint8Array };

const partOf = (token: string, index: number): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString());
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Ada's token with something else in it, signed anew. */
const forged = ({ header = {}, claims = {}, key = ours.privateKey }: Forged): Promise<string> => {
  const whole: JWTPayload = { ...partOf(ada.accessToken, 1), ...claims };
  const protectedHeader: JWTHeaderParameters = { alg: "RS256", ...partOf(ada.accessToken, 0), ...header };
  return new SignJWT(whole).setProtectedHeader(protectedHeader).sign(key);
};

/** The same without a library, which would refuse to make some of these. */
const written = (header: object, signature: (input: string) => string): string => {
  const input = `${encoded({ ...partOf(ada.accessToken, 0), ...header })}.${encoded(partOf(ada.accessToken, 1))}`;
  return `${input}.${signature(input)}`;
};
const hmac = (secret: string | Buffer) => (input: string) =>
  createHmac("sha256", secret).update(input).digest("base64url");

const nowS = () => Math.floor(Date.now() / 1_000);

/** By the reason the log gives; all of them are answered alike. */
const forgeries: Readonly<Record<string, () => Promise<[what: string, token: string][]>>> = {
  wrong_algorithm: async () => {
    const unsigned = ["none", "None", "NONE", "nOnE"].map((alg): [string, string] => [
      `alg ${alg}`,
      written({ alg }, () => ""),
    ]);
    const pem = ours.publicKey.export({ type: "spki", format: "pem" }).toString();
    const jwk = JSON.stringify(await exportJWK(ours.publicKey));
    const secrets = {
      pem,
      "trimmed pem": pem.trim(),
      jwk,
      der: ours.publicKey.export({ type: "spki", format: "der" }),
    };
    const symmetric = Object.entries({ ...secrets, "nothing at all": "" }).map(([name, secret]): [string, string] => [
      `HS256 with the public key as ${name}`,
      written({ alg: "HS256" }, hmac(secret)),
    ]);
    const others = await Promise.all(
      ["RS384", "RS512", "PS256"].map(
        async (alg): Promise<[string, string]> => [alg, await forged({ header: { alg } })],
      ),
    );
    return [...unsigned, ...symmetric, ...others];
  },
  wrong_signature: async () => {
    const [header, payload, signature = ""] = ada.accessToken.split(".");
    const jwk = { ...(await exportJWK(theirs.publicKey)), kid: ours.kid };
    const pointing = { jwk: { jwk }, jku: { jku: offered.url }, x5u: { x5u: offered.url }, x5c: { x5c: ["MIIB"] } };
    const kids = ["", "unheard-of", "../../../../dev/null", "' or '1'='1", "x'; drop table vault.signing_keys; --"];
    return [
      ["no signature", `${header}.${payload}.`],
      ["half a signature", `${header}.${payload}.${signature.slice(0, 171)}`],
      ["another's claims", `${header}.${encoded({ ...partOf(ada.accessToken, 1), sub: grace.id })}.${signature}`],
      ["another's signature", `${header}.${payload}.${grace.accessToken.split(".")[2]}`],
      ["another key", await forged({ key: theirs.privateKey })],
      ...(await named(pointing, (header) => forged({ header, key: theirs.privateKey }))),
      ...(await named(pointing, (header) => forged({ header: { ...header, kid: "theirs" }, key: theirs.privateKey }))),
      ...(await named(Object.fromEntries(kids.map((kid) => [`kid ${kid}`, { kid }])), (header) => forged({ header }))),
      ["no kid", await forged({ header: { kid: undefined } })],
    ];
  },
  wrong_audience: () =>
    named(
      { "another API's": { aud: "another-api" }, "nobody's": { aud: [] }, "a list of others": { aud: ["a", "b"] } },
      (claims) => forged({ claims }),
    ),
  wrong_claims: async () => [
    ...(await named(
      { JWT: { typ: "JWT" }, refresh: { typ: "rt+jwt" }, challenge: { typ: "challenge+jwt" } },
      (header) => forged({ header }),
    )),
    ...(await named(
      {
        "another issuer": { iss: "https://issuer.example" },
        "not yet good": { nbf: nowS() + 600 },
        "a session that is none": { sid: "no uuid" },
        "an organization that is none": { orgId: "*" },
        "roles that are a word": { roles: "system_admin" },
      },
      (claims) => forged({ claims }),
    )),
  ],
  malformed: async () => {
    const [header, payload, signature] = ada.accessToken.split(".");
    return [
      ["no algorithm", written({ alg: "" }, () => "")],
      ["no parts", "token"],
      ["four parts", `${ada.accessToken}.${signature}`],
      ["more than a token can hold", `${header}.${payload}.${"A".repeat(5_000)}`],
    ];
  },
  session_ended: async () => [["a session nobody began", await forged({ claims: { sid: randomUUID() } })]],
};

const named = <T>(
  variants: Readonly<Record<string, T>>,
  make: (variant: T) => Promise<string>,
): Promise<[string, string][]> =>
  Promise.all(Object.entries(variants).map(async ([name, variant]) => [name, await make(variant)]));

const me = (token: string, requestId: string = randomUUID()) =>
  api.get("/auth/me", { token, headers: { "x-request-id": requestId } });

const reasonOf = (requestId: string): unknown => {
  const line = lines.find((each) => each.includes(requestId));
  return line === undefined ? undefined : JSON.parse(line).reason;
};

test.each(Object.keys(forgeries))(
  "AUTH-13 AUTH-14: a forged token is refused and nothing is told (%s)",
  async (reason) => {
    const made = (await forgeries[reason]?.()) ?? [];
    expect(made.length).toBeGreaterThan(0);
    for (const [what, token] of made) {
      const requestId = randomUUID();
      const { status, headers, body } = await me(token, requestId);
      expect([what, status, headers.get("www-authenticate"), body]).toEqual([
        what,
        401,
        "Bearer",
        {
          success: false,
          data: null,
          error: { code: "UNAUTHENTICATED", message: "Sign in to use this.", details: {} },
          meta: { requestId },
        },
      ]);
      await expect.poll(() => [what, reasonOf(requestId)]).toEqual([what, reason]);
    }
    expect(offered.asked).toEqual([]);
  },
);

test("AUTH-14: an expired token is told to be expired, and does not come back by being asked with again", async () => {
  const token = await forged({ claims: { iat: nowS() - 1_000, exp: nowS() - 1 } });
  for (const _ of [1, 2])
    expect(await me(token)).toMatchObject({ status: 401, body: { error: { code: "TOKEN_EXPIRED" } } });
});

test("AUTH-13: neither half of a session passes for the other, and a token is sent in its header alone", async () => {
  expect((await me(ada.refreshToken)).status).toBe(401);
  const refreshed = await api.post("/auth/refresh", { refreshToken: ada.accessToken });
  expect(refreshed.status).toBe(401);
  const inQuery = await api.get(`/auth/me?access_token=${ada.accessToken}`);
  expect(inQuery.status).toBe(401);
});

test("AUTH-13: a signature of ours under another's session opens nothing of theirs", async () => {
  const { sid, orgId } = partOf(grace.accessToken, 1);
  const borrowed = await forged({ claims: { sid, orgId } });
  expect((await me(borrowed)).status).toBe(401);
});

test("TEN-11: roles in a token are for show", async () => {
  const token = await forged({ claims: { roles: ["system_admin", "admin", "owner"] } });
  expect(expectStatus(200, await me(token)).id).toBe(ada.id);
  expect((await api.get(`/organizations/${grace.organizationId}`, { token })).status).toBe(404);
  expect((await api.put(`/organizations/${ada.organizationId}/quotas`, { maxUsers: 9 }, { token })).status).toBe(403);
});
