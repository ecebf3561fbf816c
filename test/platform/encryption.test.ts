import { createHmac, randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Ciphertext,
  decrypt,
  deriveKey,
  deriveWorkspaceKey,
  encrypt,
  isCiphertext,
  keyedHash,
  newKey,
  unwrapKey,
  wrapKey,
} from "../../src/platform/encryption.ts";

const runs = { numRuns: 200 };
const key = newKey();
const prefix = "aes256gcm.v1.";
const bytesOf = (ciphertext: Ciphertext) => Buffer.from(ciphertext.slice(prefix.length), "base64url");
const ofBytes = (bytes: Uint8Array) => `${prefix}${Buffer.from(bytes).toString("base64url")}` as Ciphertext;
const text = fc.string({ unit: "grapheme", maxLength: 2_000 });

describe("encryption", () => {
  test("P14, CRED-01: what was encrypted decrypts to itself", () => {
    fc.assert(
      fc.property(text, (plaintext) => {
        expect(decrypt(encrypt(plaintext, key), key)).toBe(plaintext);
      }),
      runs,
    );
    for (const plaintext of ["", "\u{1F511} ключ 鍵", "x".repeat(65_536)])
      expect(decrypt(encrypt(plaintext, key), key)).toBe(plaintext);
  });

  test("CRED-01: any bit that changes in IV, tag or ciphertext makes it fail", () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.integer({ min: 0, max: 7 }), (plaintext, at, bit) => {
        const bytes = bytesOf(encrypt(plaintext, key));
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
        expect(() => decrypt(ofBytes(bytes), key)).toThrow();
      }),
      runs,
    );
  });

  test("CRED-01: a ciphertext that was cut, prolonged or spelled differently fails", () => {
    const ciphertext = encrypt("secret", key);
    for (const length of [0, 11, 12, 27, bytesOf(ciphertext).length - 1])
      expect(() => decrypt(ofBytes(bytesOf(ciphertext).subarray(0, length)), key)).toThrow();
    for (const spelling of [`${ciphertext}=`, `${ciphertext} `, `${ciphertext}A`])
      expect(() => decrypt(spelling as Ciphertext, key)).toThrow();
  });

  test("P17, CRED-02: no two encryptions of one plaintext share their IV", () => {
    fc.assert(
      fc.property(text, (plaintext) => {
        const [one, other] = [bytesOf(encrypt(plaintext, key)), bytesOf(encrypt(plaintext, key))];
        expect(one.subarray(0, 12)).not.toEqual(other.subarray(0, 12));
        expect(one).not.toEqual(other);
      }),
      runs,
    );
  });

  test("CRED-09: under another key, or bound to something else, it does not decrypt", () => {
    fc.assert(
      fc.property(text, text, text, (plaintext, aad, otherAad) => {
        fc.pre(aad !== otherAad);
        const ciphertext = encrypt(plaintext, key, aad);
        expect(decrypt(ciphertext, key, aad)).toBe(plaintext);
        expect(() => decrypt(ciphertext, key, otherAad)).toThrow();
        expect(() => decrypt(ciphertext, newKey(), aad)).toThrow();
      }),
      runs,
    );
  });

  test("a ciphertext is known by its beginning", () => {
    expect(isCiphertext(encrypt("x", key))).toBe(true);
    for (const other of ["", "aes256gcm", "plain", null, 7]) expect(isCiphertext(other)).toBe(false);
  });
});

describe("derived keys", () => {
  test("P18, CRED-03: follow from master key and workspace alone, and differ between workspaces and masters", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (one, other, master) => {
        fc.pre(one !== other);
        expect(deriveWorkspaceKey(master, one)).toEqual(deriveWorkspaceKey(master, one));
        expect(deriveWorkspaceKey(master, one)).toHaveLength(32);
        expect(deriveWorkspaceKey(master, one)).not.toEqual(deriveWorkspaceKey(master, other));
        expect(deriveWorkspaceKey(master, one)).not.toEqual(deriveWorkspaceKey(randomBytes(32), one));
      }),
      runs,
    );
  });

  test("CRED-03: are HKDF-SHA-256 with the workspace's id as info", () => {
    const master = Buffer.alloc(32, 7);
    const workspaceId = "9f2c1a34-5b6d-4e7f-8a90-b1c2d3e4f506";
    expect(deriveWorkspaceKey(master, workspaceId)).toEqual(deriveKey(master, workspaceId));
    // RFC 5869 written out with another language's HMAC: no salt, one block.
    expect(deriveWorkspaceKey(master, workspaceId).toString("hex")).toBe(
      "976d8fac0335cfb4e8ef790e1deb12d34d4463152395aef3dfea3ab3e0196ada",
    );
  });

  test("one for each purpose", () => {
    expect(deriveKey(key, "one purpose")).not.toEqual(deriveKey(key, "another purpose"));
  });
});

test("a wrapped key is only unwrapped with the same wrapping key and for the same subject", () => {
  const [wrapping, wrapped] = [newKey(), newKey()];
  const subject = randomUUID();
  const bytes = wrapKey(wrapped, wrapping, subject);
  expect(unwrapKey(bytes, wrapping, subject)).toEqual(wrapped);
  expect(() => unwrapKey(bytes, newKey(), subject)).toThrow();
  expect(() => unwrapKey(bytes, wrapping, randomUUID())).toThrow();
});

test("a keyed hash recognises a value and cannot be computed without the key", () => {
  const hash = keyedHash(key);
  expect(hash("a@example.org")).toBe(hash("a@example.org"));
  expect(hash("a@example.org")).not.toBe(hash("b@example.org"));
  expect(hash("a@example.org")).not.toBe(keyedHash(newKey())("a@example.org"));
});

test("a keyed hash is HMAC-SHA-256", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ unit: "binary" }), (key, value) => {
      expect(keyedHash(key)(value)).toBe(createHmac("sha256", key).update(value).digest("hex"));
    }),
    { numRuns: 500 },
  ));
