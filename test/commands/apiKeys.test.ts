import { describe, expect, test } from "vitest";
import { permissions } from "../../src/commands/access.ts";
import { lendable } from "../../src/commands/apiKeyScopes.ts";
import {
  ChangeApiKeyScopes,
  CreateApiKey,
  RecordApiKeyUse,
  RevokeApiKey,
  RollApiKey,
} from "../../src/commands/apiKeys.ts";
import { maskedApiKey } from "../../src/commands/apiKeyText.ts";
import { apiKey, goodSecrets } from "../../src/domain/accounts/apiKey.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { accepts, at, facts, given, id } from "../spec.ts";

type ApiKeyEvent = EventOf<typeof apiKey.events>;

const apiKeyId = id("worker's key");
const ofKey = { apiKeyId, organizationId: id("acme") };
const elsewhere = { apiKeyId, organizationId: id("another") };
const [firstHash, secondHash, thirdHash] = ["1".repeat(64), "2".repeat(64), "3".repeat(64)];
const vouched = { vouchedBy: id("ada") };
const inAYear = "2027-03-01T09:00:00.000Z";
const input = {
  ...ofKey,
  ...vouched,
  name: "Worker",
  role: "member",
  scopes: ["credits:read", "credits:debit", "credits:read"],
  secretHash: firstHash,
} as const;
const asked = { ...input, scopes: [...input.scopes] };

const createdUntil = (expiresAt: string | null, workspaceId: string | null = null): ApiKeyEvent => ({
  type: "ApiKeyCreated",
  data: {
    ...{ ...input, workspaceId, expiresAt, createdAt: facts.now },
    scopes: ["credits:debit", "credits:read"],
  },
});
const created = createdUntil(null);
const rolled = (formerUntil: string, secretHash = secondHash, expiresAt: string | null = null): ApiKeyEvent => ({
  type: "ApiKeyRolled",
  data: { ...ofKey, ...vouched, expiresAt, secretHash, formerUntil },
});
const used = (usedAt: string): ApiKeyEvent => ({ type: "ApiKeyUsed", data: { ...ofKey, usedAt } });
const revoked: ApiKeyEvent = { type: "ApiKeyRevoked", data: ofKey };
const view = {
  id: apiKeyId,
  name: "Worker",
  maskedKey: maskedApiKey(apiKeyId),
  workspaceId: null,
  role: "member",
  scopes: ["credits:debit", "credits:read"],
  expiresAt: null,
  formerSecretUntil: null,
  ...vouched,
  createdAt: facts.now,
  lastUsedAt: null,
} as const;

describe("making a key", () => {
  test("KEY-01: is recorded with the hash of its secret, each scope once", () =>
    given(apiKey).when(CreateApiKey, asked).then(created));

  test("KEY-01: is answered masked", () =>
    given(apiKey)
      .when(CreateApiKey, asked)
      .thenAnswers({ ...view, scopes: [...view.scopes] }));

  test("happens once, also when it was revoked", () => {
    given(apiKey).when(CreateApiKey, asked).again().thenRefused("conflict", "API_KEY_EXISTS");
    given(apiKey, created, revoked).when(CreateApiKey, asked).thenRefused("conflict", "API_KEY_EXISTS");
  });

  test("KEY-01: may be for one workspace, and until some time", () =>
    given(apiKey)
      .when(CreateApiKey, { ...asked, workspaceId: id("wonderland"), expiresAt: inAYear })
      .then(createdUntil(inAYear, id("wonderland"))));

  test("KEY-01: a key that is expired at once is none", () =>
    given(apiKey)
      .when(CreateApiKey, { ...asked, expiresAt: facts.now })
      .thenRefused("unprocessable", "EXPIRY_NOT_LATER", { expiresAt: facts.now }));

  test("a scope above the role of the key is a mistake", () =>
    given(apiKey)
      .when(CreateApiKey, { ...asked, scopes: ["credits:debit", "credits:grant", "ledger:audit"] })
      .thenRefused("unprocessable", "SCOPE_BEYOND_KEY", { scopes: ["credits:grant", "ledger:audit"] }));

  test("as is one of the organization where the key is for a workspace", () =>
    given(apiKey)
      .when(CreateApiKey, { ...asked, role: "admin", workspaceId: id("wonderland"), scopes: ["usage:read"] })
      .thenRefused("unprocessable", "SCOPE_BEYOND_KEY", { scopes: ["usage:read"] }));

  test("KEY-02: scopes are permissions of the catalogue that a service can use", () => {
    for (const scope of lendable) expect(["organization", "workspace"]).toContain(permissions[scope].tier);
    expect(lendable).toEqual(expect.arrayContaining(["credits:debit", "credits:hold", "ledger:audit", "usage:read"]));
    for (const scope of [
      "platform:admin",
      "account:write",
      "api_key:write",
      "workspace:create",
      "member:write",
      "everything",
    ])
      expect([scope, accepts(CreateApiKey, { ...asked, scopes: [scope] })]).toEqual([scope, false]);
    expect(accepts(CreateApiKey, { ...asked, scopes: [] })).toBe(false);
  });
});

describe("rolling a key", () => {
  const roll = { ...ofKey, ...vouched, secretHash: secondHash };
  const at10 = "2026-03-01T10:00:00.000Z";
  const now = { ...facts };

  test("KEY-01: gives another secret, and an hour for the old one", () =>
    given(apiKey, created).when(RollApiKey, roll).then(rolled(at10)));

  test("the old secret is good until then, and at that moment no more", () => {
    const state = fold(apiKey, [created, rolled(at10)]);
    if (state.status !== "active") throw new Error("the key is active");
    expect(goodSecrets(state, "2026-03-01T09:59:59.999Z")).toEqual([secondHash, firstHash]);
    expect(goodSecrets(state, at10)).toEqual([secondHash]);
  });

  test("rolled twice, the oldest secret is good no more", () => {
    const state = fold(apiKey, [created, rolled(at10), rolled(at10, thirdHash)]);
    if (state.status !== "active") throw new Error("the key is active");
    expect(goodSecrets(state, facts.now)).toEqual([thirdHash, secondHash]);
  });

  test("without grace the old secret is good no more", () => {
    given(apiKey, created)
      .when(RollApiKey, { ...roll, graceSeconds: 0 })
      .then(rolled(now.now));
    const state = fold(apiKey, [created, rolled(now.now)]);
    if (state.status !== "active") throw new Error("the key is active");
    expect(goodSecrets(state, now.now)).toEqual([secondHash]);
  });

  test("grace is a day at most, and never longer than the key was good", () => {
    expect(accepts(RollApiKey, { ...roll, graceSeconds: 86_401 })).toBe(false);
    const soon = "2026-03-01T09:10:00.000Z";
    given(apiKey, createdUntil(soon))
      .when(RollApiKey, { ...roll, graceSeconds: 86_400, expiresAt: inAYear })
      .then(rolled(soon, secondHash, inAYear));
  });

  test("KEY-01: an expired key is had again by another expiry alone, and its old secret is not", () => {
    const past = "2026-03-01T08:00:00.000Z";
    given(apiKey, createdUntil(past))
      .when(RollApiKey, roll)
      .thenRefused("unprocessable", "EXPIRY_NOT_LATER", { expiresAt: past });
    given(apiKey, createdUntil(past))
      .when(RollApiKey, { ...roll, expiresAt: inAYear })
      .then(rolled(past, secondHash, inAYear));
  });
});

describe("changing what a key may", () => {
  const change = { ...ofKey, ...vouched, role: "viewer", scopes: ["workspace:read"] } as const;
  const wanted = { ...change, scopes: [...change.scopes] };

  test("is of role and scopes together", () =>
    given(apiKey, created).when(ChangeApiKeyScopes, wanted).then({ type: "ApiKeyScopesChanged", data: wanted }));

  test("to what it is already changes nothing", () =>
    given(apiKey, created).when(ChangeApiKeyScopes, wanted).again().thenNothing());

  test("to a scope above the role is refused", () =>
    given(apiKey, created)
      .when(ChangeApiKeyScopes, { ...wanted, scopes: ["credits:debit"] })
      .thenRefused("unprocessable", "SCOPE_BEYOND_KEY", { scopes: ["credits:debit"] }));

  test("by somebody else makes them vouch for it", () => {
    const byBob = { ...wanted, role: "member" as const, scopes: ["credits:debit", "credits:read"] };
    given(apiKey, created)
      .when(ChangeApiKeyScopes, { ...byBob, scopes: ["credits:debit", "credits:read"], vouchedBy: id("bob") })
      .then({ type: "ApiKeyScopesChanged", data: { ...byBob, vouchedBy: id("bob") } });
  });
});

describe("using a key", () => {
  test("KEY-01: is recorded once a minute at most", () => {
    const seconds = (count: number) => new Date(Date.parse(facts.now) + count * 1_000).toISOString();
    given(apiKey, created).when(RecordApiKeyUse, ofKey).then(used(facts.now));
    given(apiKey, created, used(facts.now))
      .when(RecordApiKeyUse, ofKey, at(seconds(59)))
      .thenNothing();
    given(apiKey, created, used(facts.now))
      .when(RecordApiKeyUse, ofKey, at(seconds(60)))
      .then(used(seconds(60)));
  });
});

describe("a revoked key", () => {
  test("KEY-02: is revoked", () => given(apiKey, created).when(RevokeApiKey, ofKey).then(revoked));

  test("is gone for good", () => {
    const gone = given(apiKey, created, revoked);
    gone.when(RevokeApiKey, ofKey).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone.when(RecordApiKeyUse, ofKey).thenRefused("missing", "RESOURCE_NOT_FOUND");
    gone
      .when(RollApiKey, { ...ofKey, ...vouched, secretHash: secondHash })
      .thenRefused("missing", "RESOURCE_NOT_FOUND");
  });

  test("of another organization there is none", () => {
    const there = given(apiKey, created);
    there.when(RevokeApiKey, elsewhere).thenRefused("missing", "RESOURCE_NOT_FOUND");
    there
      .when(RollApiKey, { ...elsewhere, ...vouched, secretHash: secondHash })
      .thenRefused("missing", "RESOURCE_NOT_FOUND");
    there
      .when(ChangeApiKeyScopes, { ...elsewhere, ...vouched, role: "viewer", scopes: ["workspace:read"] })
      .thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});
