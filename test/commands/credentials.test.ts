import { describe, expect, test } from "vitest";
import { DeleteCredential, NoteCredentialUse, StoreCredential } from "../../src/commands/credentials.ts";
import { credential } from "../../src/domain/credentials/credential.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { accepts, at, facts, given, id } from "../spec.ts";

type CredentialEvent = EventOf<typeof credential.events>;

const ids = { credentialId: id("key"), workspaceId: id("wonderland") };
const inCredential = { ...ids, organizationId: id("acme") };
const input = { ...ids, providerName: "openai", key: "sk-proj-abcd1234" };

const stored: CredentialEvent = {
  type: "CredentialStored",
  data: {
    ...inCredential,
    providerName: "openai",
    name: "openai",
    key: "sk-proj-abcd1234",
    secret: null,
    maskedKey: "****1234",
    createdBy: id("ada"),
  },
};
const used = (usedAt: string): CredentialEvent => ({ type: "CredentialUsed", data: { ...inCredential, usedAt } });
const deleted: CredentialEvent = { type: "CredentialDeleted", data: inCredential };

describe("storing a credential", () => {
  test("CRED-05: is recorded with who stored it, named after its provider when it has no name", () =>
    given(credential).when(StoreCredential, input).then(stored));

  test("CRED-05: is recorded with its name and its secret", () =>
    given(credential)
      .when(StoreCredential, { ...input, name: "Batch", secret: "s3cret" })
      .then({
        type: "CredentialStored",
        data: { ...stored.data, name: "Batch", secret: "s3cret" },
      } as CredentialEvent));

  test("CRED-06: is answered without the key", () =>
    given(credential)
      .when(StoreCredential, { ...input, secret: "s3cret" })
      .thenAnswers({
        id: id("key"),
        providerName: "openai",
        name: "openai",
        maskedKey: "****1234",
        createdAt: facts.now,
        lastUsedAt: null,
      }));

  test("CRED-06: no state holds key or secret", () =>
    expect(JSON.stringify(fold(credential, [stored]))).not.toContain("abcd"));

  test("happens once, also when it was deleted", () => {
    given(credential).when(StoreCredential, input).again().thenRefused("conflict", "CREDENTIAL_EXISTS");
    given(credential, stored, deleted).when(StoreCredential, input).thenRefused("conflict", "CREDENTIAL_EXISTS");
  });

  test.each([
    ["by nobody", { actor: { kind: "system", id: null } as const }],
    ["outside an organization", { organizationId: null }],
  ])("%s is refused", (_, told) =>
    given(credential).when(StoreCredential, input, told).thenRefused("forbidden", "FORBIDDEN"),
  );

  test("CRED-11: what is no key is not let in", () => {
    expect(accepts(StoreCredential, { ...input, key: "k".repeat(65_536) })).toBe(true);
    expect(accepts(StoreCredential, { ...input, key: "k".repeat(65_537) })).toBe(false);
    expect(accepts(StoreCredential, { ...input, key: "" })).toBe(false);
    expect(accepts(StoreCredential, { ...input, key: "k\0" })).toBe(false);
    expect(accepts(StoreCredential, { ...input, secret: "" })).toBe(false);
    expect(accepts(StoreCredential, { ...input, providerName: "p".repeat(101) })).toBe(false);
    expect(accepts(StoreCredential, { ...input, name: "" })).toBe(false);
  });
});

describe("deleting a credential", () => {
  test("CRED-07: is recorded", () => given(credential, stored).when(DeleteCredential, ids).then(deleted));
  test("answers nothing", () => given(credential, stored).when(DeleteCredential, ids).thenAnswers(null));
  test("CRED-07: a second time there is none", () =>
    given(credential, stored).when(DeleteCredential, ids).again().thenRefused("missing", "RESOURCE_NOT_FOUND"));
});

describe("noting the use of a credential", () => {
  const atNine = "2026-03-01T09:00:00.000Z";
  const usedAtNine = given(credential, stored, used(atNine));

  test("CRED-08: is recorded with its time", () =>
    given(credential, stored).when(NoteCredentialUse, ids, at(atNine)).then(used(atNine)));
  test("answers nothing", () => given(credential, stored).when(NoteCredentialUse, ids).thenAnswers(null));
  test("CRED-08: is kept to the minute", () => {
    usedAtNine.when(NoteCredentialUse, ids, at("2026-03-01T09:00:59.999Z")).thenNothing();
    usedAtNine.when(NoteCredentialUse, ids, at("2026-03-01T09:01:00.000Z")).then(used("2026-03-01T09:01:00.000Z"));
  });
  test("a clock that went back moves nothing back", () =>
    usedAtNine.when(NoteCredentialUse, ids, at("2026-03-01T08:00:00.000Z")).thenNothing());
});

describe("CRED-09: a credential that is not of this workspace is as absent as none", () => {
  test.each<[string, CredentialEvent[], string]>([
    ["never stored", [], "wonderland"],
    ["deleted", [stored, deleted], "wonderland"],
    ["stored in another workspace", [stored], "looking-glass"],
  ])("when it was %s", (_, history, name) => {
    const asked = { ...ids, workspaceId: id(name) };
    given(credential, ...history)
      .when(DeleteCredential, asked)
      .thenRefused("missing", "RESOURCE_NOT_FOUND");
    given(credential, ...history)
      .when(NoteCredentialUse, asked)
      .thenRefused("missing", "RESOURCE_NOT_FOUND");
  });
});
