import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes } from "node:crypto";

const algorithm = "aes-256-gcm";
const keyBytes = 32;
/** NIST SP 800-38D: 96 bits is the length GCM takes as it is; random, because keys are per subject and used rarely. */
const ivBytes = 12;
const tagBytes = 16;
const prefix = "aes256gcm.v1.";

/** What `encrypt` gives: `aes256gcm.v1.` and base64url of IV, tag and ciphertext. */
export type Ciphertext = `aes256gcm.v1.${string}`;

export const isCiphertext = (value: unknown): value is Ciphertext =>
  typeof value === "string" && value.startsWith(prefix);

/** `aad` is bound to the ciphertext without being part of it: decrypting with another one fails. */
export const encrypt = (plaintext: string, key: Uint8Array, aad = ""): Ciphertext =>
  `${prefix}${sealed(Buffer.from(plaintext, "utf8"), key, aad).toString("base64url")}`;

/** Throws when key, `aad` or any bit of the ciphertext is not the one it was encrypted with. */
export const decrypt = (ciphertext: Ciphertext, key: Uint8Array, aad = ""): string => {
  const encoded = ciphertext.slice(prefix.length);
  const bytes = Buffer.from(encoded, "base64url");
  // The decoder skips what is not base64url and drops spare bits: two spellings of one ciphertext must not both pass.
  if (bytes.toString("base64url") !== encoded) throw new Error("the ciphertext is not well-formed");
  return opened(bytes, key, aad).toString("utf8");
};

/** A key encrypted by another one, as bytes. */
export const wrapKey = (key: Uint8Array, wrappingKey: Uint8Array, aad: string): Buffer => sealed(key, wrappingKey, aad);
export const unwrapKey = (wrapped: Uint8Array, wrappingKey: Uint8Array, aad: string): Buffer =>
  opened(wrapped, wrappingKey, aad);

export const newKey = (): Buffer => randomBytes(keyBytes);

/** HKDF-SHA-256 (RFC 5869) with the purpose as info: one key for each purpose, none tells anything about another. */
export const deriveKey = (masterKey: Uint8Array, purpose: string): Buffer =>
  Buffer.from(hkdfSync("sha256", masterKey, "", purpose, keyBytes));

/** CRED-03: the key that wraps the keys of everything a workspace owns. */
export const deriveWorkspaceKey = (masterKey: Uint8Array, workspaceId: string): Buffer =>
  deriveKey(masterKey, workspaceId);

/**
 * A hash that nobody without the key can compute, to recognise a value without storing it; hex. HMAC-SHA-256 (RFC 2104)
 * as the two hashes it is made of: Node's own is a stream, which takes twice as long. Keys are no longer than a block.
 */
export const keyedHash = (key: Uint8Array): ((value: string) => string) => {
  const padded = Buffer.concat([key, Buffer.alloc(blockBytes - key.length)]);
  const inner = padded.map((byte) => byte ^ 0x36);
  const outer = Buffer.concat([padded.map((byte) => byte ^ 0x5c), Buffer.alloc(digestBytes)]);
  return (value) => {
    outer.write(hash("sha256", Buffer.concat([inner, Buffer.from(value)]), "hex"), blockBytes, "hex");
    return hash("sha256", outer, "hex");
  };
};
const blockBytes = 64;
const digestBytes = 32;

const sealed = (plaintext: Uint8Array, key: Uint8Array, aad: string): Buffer => {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(aad, "utf8"));
  const encrypted = [cipher.update(plaintext), cipher.final()];
  return Buffer.concat([iv, cipher.getAuthTag(), ...encrypted]);
};

const opened = (bytes: Uint8Array, key: Uint8Array, aad: string): Buffer => {
  if (bytes.length < ivBytes + tagBytes) throw new Error("the ciphertext is not well-formed");
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
    .setAAD(Buffer.from(aad, "utf8"))
    .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]);
};
