import { createHmac, randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { credentialSecrets } from "../../src/commands/credentials.ts";
import { credential } from "../../src/domain/credentials/credential.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { type Ciphertext, decrypt, deriveWorkspaceKey, encrypt, newKey } from "../../src/platform/encryption.ts";
import { keyVault } from "../../src/platform/keyVault.ts";
import { openPool } from "../../src/platform/postgres.ts";
import { contextOf } from "../commands/writeSide.ts";
import {
  type Answer,
  type Client,
  client,
  expectStatus,
  newWorkspace,
  type SignedIn,
  signedIn,
} from "../support/client.ts";
import { type Installation, installation } from "../support/everfold.ts";
import { rowsOf, storedEvents, storedRows } from "../support/stored.ts";

/** Half a surrogate pair is no text: nothing that comes in holds one (see the bad input). */
const plaintext = fc.string({ unit: "binary", maxLength: 60 });
const atTheLimits: [string][] = [[""], ["k".repeat(65_536)], ["🗝".repeat(16_384)], ["\0"], ["é".normalize("NFD")]];

const prefix = "aes256gcm.v1.";
const bytesOf = (ciphertext: string) => Buffer.from(ciphertext.slice(prefix.length), "base64url");
const ofBytes = (bytes: Buffer): Ciphertext => `${prefix}${bytes.toString("base64url")}`;
const ivOf = (ciphertext: string) => bytesOf(ciphertext).subarray(0, 12).toString("hex");

describe("encryption", () => {
  const key = newKey();

  test("P14: any plaintext that is encrypted and decrypted is the one it was (CRED-01)", () => {
    fc.assert(
      fc.property(plaintext, (text) => {
        const ciphertext = encrypt(text, key, "aad");
        expect(decrypt(ciphertext, key, "aad")).toBe(text);
        if (text.length > 8) expect(bytesOf(ciphertext).includes(text)).toBe(false);
      }),
      { numRuns: 500, examples: atTheLimits },
    );
  });

  test("P14, CRED-01, CRED-09: with any byte changed, another key or another context, nothing is decrypted", () => {
    fc.assert(
      fc.property(plaintext, fc.integer({ min: 1, max: 255 }), fc.uuid(), (text, mask, other) => {
        const ciphertext = encrypt(text, key, "aad");
        const bytes = bytesOf(ciphertext);
        for (const [index, byte] of bytes.entries()) {
          const changed = Buffer.from(bytes);
          changed[index] = byte ^ mask;
          expect(() => decrypt(ofBytes(changed), key, "aad")).toThrow();
        }
        for (const length of [0, 12, 27, bytes.length - 1])
          expect(() => decrypt(ofBytes(bytes.subarray(0, length)), key, "aad")).toThrow();
        expect(() => decrypt(ciphertext, deriveWorkspaceKey(key, other), "aad")).toThrow();
        expect(() => decrypt(ciphertext, key, other)).toThrow();
      }),
      { numRuns: 100 },
    );
  });

  test("P17: two encryptions of one plaintext never share their IV (CRED-02)", () => {
    const seen = new Set<string>();
    let encrypted = 0;
    fc.assert(
      fc.property(plaintext, fc.integer({ min: 2, max: 50 }), (text, times) => {
        const ciphertexts = Array.from({ length: times }, () => encrypt(text, key));
        for (const ciphertext of ciphertexts) seen.add(ivOf(ciphertext));
        encrypted += times;
        expect(new Set(ciphertexts).size).toBe(times);
        expect(seen.size).toBe(encrypted);
      }),
      { numRuns: 300 },
    );
  });

  /** RFC 5869 written out for 32 bytes: extract with an empty salt, then the first block of expand. */
  const hkdf = (secret: Uint8Array, info: string): Buffer => {
    const extracted = createHmac("sha256", Buffer.alloc(32)).update(secret).digest();
    return createHmac("sha256", extracted).update(`${info}\u0001`).digest();
  };

  test("P18, CRED-03: workspaces have different keys, each HKDF-SHA-256 with the workspace's id as info", () => {
    const masterKey = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(masterKey, fc.uniqueArray(fc.uuid(), { minLength: 2, maxLength: 20 }), (master, ids) => {
        const keys = ids.map((id) => deriveWorkspaceKey(master, id).toString("hex"));
        expect(new Set(keys).size).toBe(ids.length);
        expect(keys).toEqual(ids.map((id) => hkdf(master, id).toString("hex")));
        expect(keys).toEqual(ids.map((id) => deriveWorkspaceKey(master, id).toString("hex")));
      }),
      { numRuns: 200 },
    );
  });
});

/** Side by side: each waits for the read models, and with delayed ones for long. */
describe.concurrent("credentials over HTTP", { timeout: 180_000 }, () => {
  const stack = new AsyncDisposableStack();
  const masterKey = randomBytes(32);
  /** More workspaces than anybody has for nothing. */
  const plan = { DEFAULT_PLAN: "enterprise" };
  let on: Installation;
  let everfold: Awaited<ReturnType<Installation["everfold"]>>;
  let api: Client;
  let ada: SignedIn;
  beforeAll(async () => {
    on = await installation(stack);
    everfold = await on.everfold({ LOG_LEVEL: "trace", ENCRYPTION_MASTER_KEY: masterKey.toString("base64"), ...plan });
    api = client(everfold.url);
    ada = await signedIn(api);
  });
  afterAll(() => stack.disposeAsync());

  const as = () => ({ token: ada.accessToken });
  const pathOf = (workspace: string) => `/workspaces/${workspace}/credentials`;
  const listed = async (workspace: string) => expectStatus(200, await api.get(`${pathOf(workspace)}?limit=100`, as()));

  /** Stands in every secret and is to be found nowhere else. */
  const canary = `canary${randomUUID().replaceAll("-", "")}`;
  const typed = fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replaceAll("\0", ""));
  const secret = fc.tuple(typed, typed).map(([before, after]) => `${before}${canary}${after}`);
  const lastFour = (key: string) => Array.from(key).slice(-4).join("");

  test("P15, CRED-05, CRED-06: answers have the key masked; it is in no event, row, log line or error", async () => {
    const answers: Answer[] = [];
    const noted = (answer: Answer): Answer => {
      answers.push(answer);
      return answer;
    };
    await fc.assert(
      fc.asyncProperty(secret, fc.option(secret, { nil: undefined }), async (key, second) => {
        const workspace = await newWorkspace(api, ada);
        const send = async (body: object, headers = {}) =>
          noted(await api.post(pathOf(workspace), body, { ...as(), headers }));
        const body = { providerName: "openai", key, ...(second === undefined ? {} : { secret: second }) };
        const idempotent = { "idempotency-key": randomUUID() };
        const stored = expectStatus(201, await send(body, idempotent));
        expect(stored).toEqual({
          id: expect.any(String),
          providerName: "openai",
          name: "openai",
          maskedKey: `****${lastFour(key)}`,
          createdAt: expect.any(String),
          lastUsedAt: null,
        });
        expectStatus(201, await send(body, idempotent));
        expect((await send({ ...body, key: `${key}!` }, idempotent)).status).toBe(422);
        for (const wrong of [
          { ...body, hint: key },
          { ...body, providerName: [key] },
          { ...body, secret: { key } },
        ])
          expect((await send(wrong)).status).toBe(400);
        expect(expectStatus(200, noted(await api.get(pathOf(workspace), as())))).toEqual([stored]);
      }),
      { numRuns: 100 },
    );
    const told = answers.map(({ headers, body }) => JSON.stringify([[...headers], body]));
    for (const texts of [told, everfold.lines, await storedEvents(on), await storedRows(on)]) {
      expect(texts.length).toBeGreaterThan(100);
      expect(texts.find((text) => text.includes(canary))).toBe(undefined);
    }
  });

  test("P14, P17, CRED-01, CRED-02, CRED-08: the engine gets back what was stored, each under its own IV", async () => {
    const workspaceId = await newWorkspace(api, ada);
    await fc.assert(
      fc.asyncProperty(secret, fc.option(secret, { nil: null }), async (key, second) => {
        const body = { providerName: "openai", key, ...(second === null ? {} : { secret: second }) };
        const { id: credentialId } = expectStatus(201, await api.post(pathOf(workspaceId), body, as()));
        const context = contextOf({ organizationId: ada.organizationId, workspaceId });
        const secrets = credentialSecrets(everfold.handler)({ workspaceId, credentialId }, context);
        expect(await secrets).toEqual({ key, secret: second });
      }),
      {
        numRuns: 100,
        examples: [
          ["k".repeat(65_536), "🗝".repeat(16_384)],
          [canary, canary],
          [canary, canary],
        ],
      },
    );
    const ciphertexts = (await storedEvents(on)).flatMap((text) => text.match(/aes256gcm\.v1\.[\w-]+/g) ?? []);
    const ivs = new Set(ciphertexts.map(ivOf));
    // Where an actor is, is encrypted once a while and repeated as it is.
    expect(ivs.size).toBe(new Set(ciphertexts).size);
    expect(ivs.size).toBeGreaterThan(200);
  });

  test("P16, CRED-07: a deleted credential is in no list, its key destroyed, its secrets gone for good", async () => {
    const deleted: string[] = [];
    const kept: string[] = [];
    const some = fc.array(fc.boolean(), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(some, async (fates) => {
        const workspace = await newWorkspace(api, ada);
        const stays: string[] = [];
        for (const isDeleted of fates) {
          const body = { providerName: "openai", key: canary, secret: canary };
          const { id } = expectStatus(201, await api.post(pathOf(workspace), body, as()));
          if (!isDeleted) stays.push(id);
          if (isDeleted) {
            expectStatus(200, await api.delete(`${pathOf(workspace)}/${id}`, as()));
            expect((await api.delete(`${pathOf(workspace)}/${id}`, as())).status).toBe(404);
            deleted.push(id);
          }
        }
        expect((await listed(workspace)).map(({ id }: { id: string }) => id)).toEqual(stays);
        kept.push(...stays);
      }),
      { numRuns: 100, examples: [[[true, false]]] },
    );

    const keysOf = (ids: string[]) =>
      rowsOf<{ wrapped_key: Buffer | null }>(
        on,
        "select wrapped_key from vault.subject_keys where subject_id = any($1)",
        [ids],
      );
    await vi.waitFor(
      async () => expect((await keysOf(deleted)).filter(({ wrapped_key }) => wrapped_key !== null)).toEqual([]),
      { timeout: 30_000 },
    );
    expect(await keysOf(deleted)).toHaveLength(deleted.length);
    expect((await keysOf(kept)).filter(({ wrapped_key }) => wrapped_key === null)).toEqual([]);

    // Everything there is, the master key included, in hands that have cached nothing.
    await using hands = new AsyncDisposableStack();
    const store = hands.adopt(eventStoreDb({ url: on.eventStore.url }), (opened) => opened.close());
    const pool = hands.adopt(openPool({ ...poolOptions, url: on.database.url }), (opened) => opened.end());
    const codec = eventCodec(keyVault({ pool, masterKey }));
    const keysIn = async (id: string) => {
      const stored = [];
      for await (const event of store.read(`${credential.category}-${id}`)) stored.push(event);
      const [first] = await codec.decode(credential.events, stored);
      return first?.type === "CredentialStored" && [first.data.key, first.data.secret];
    };
    for (const id of kept) expect(await keysIn(id)).toEqual([canary, canary]);
    for (const id of deleted) expect(await keysIn(id)).toEqual(["", null]);
  });

  const poolOptions = {
    role: "everfold_api",
    max: 1,
    idleTimeoutMs: 1_000,
    statementTimeoutMs: 5_000,
    onError: () => undefined,
  } as const;
});
