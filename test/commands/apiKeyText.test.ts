import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { freshApiKey, isAmong, maskedApiKey, readApiKey } from "../../src/commands/apiKeyText.ts";

const nil = "00000000-0000-0000-0000-000000000000";
const max = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const uuid = fc.uuid();
const all = { numRuns: 500, examples: [[nil], [max]] as [string][] };

test("KEY-01: every key that is made is read again, with the hash of its secret", () =>
  fc.assert(
    fc.property(uuid, (apiKeyId) => {
      const { key, secretHash } = freshApiKey(apiKeyId);
      expect(key).toMatch(/^evf_[0-9A-Za-z]{22}_[0-9A-Za-z]{43}$/);
      expect(readApiKey(key)).toEqual({ apiKeyId, secretHash });
      expect(createHash("sha256").update(key.slice(-43)).digest("hex")).toBe(secretHash);
      expect(key.startsWith(maskedApiKey(apiKeyId).replace("****", ""))).toBe(true);
      expect(maskedApiKey(apiKeyId)).not.toContain(key.slice(-43));
    }),
    all,
  ));

test("KEY-01: no two secrets are alike", () => {
  const secrets = Array.from({ length: 5_000 }, () => freshApiKey(nil).secretHash);
  expect(new Set(secrets).size).toBe(secrets.length);
});

test("KEY-01: a key with any character changed, left out or added is another one, or none", () =>
  fc.assert(
    fc.property(
      uuid,
      fc.nat(),
      fc.constantFrom("replace", "drop", "add"),
      fc.string({ minLength: 1, maxLength: 1 }),
      (apiKeyId, place, how, letter) => {
        const { key, secretHash } = freshApiKey(apiKeyId);
        const at = place % key.length;
        const kept = how === "add" ? at : at + 1;
        const changed = `${key.slice(0, at)}${how === "drop" ? "" : letter}${key.slice(kept)}`;
        fc.pre(changed !== key);
        const read = readApiKey(changed);
        expect(read?.apiKeyId === apiKeyId && read.secretHash === secretHash).toBe(false);
        if (how !== "replace") expect(read).toBeUndefined();
      },
    ),
    { numRuns: 1_000 },
  ));

test("an id beyond those of UUIDs has no other spelling", () =>
  expect(readApiKey(`evf_${"z".repeat(22)}_${"a".repeat(43)}`)).toBeUndefined());

test.each(["", "evf_", "evf__", `evf_${"0".repeat(22)}`, `EVF_${"0".repeat(22)}_${"0".repeat(43)}`])(
  "%j is no key",
  (text) => expect(readApiKey(text)).toBeUndefined(),
);

test("KEY-01: a hash is found among those that are good, and in no others", () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
  fc.assert(
    fc.property(hash, fc.array(hash, { maxLength: 3 }), (presented, good) => {
      expect(isAmong(presented, good)).toBe(good.includes(presented));
      expect(isAmong(presented, [...good, presented])).toBe(true);
    }),
    { numRuns: 200 },
  );
});
