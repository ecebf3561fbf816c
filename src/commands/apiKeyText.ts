import { createHash, timingSafeEqual } from "node:crypto";
import { customAlphabet } from "nanoid";

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const base = BigInt(digits.length);
/** 62^22 > 2^128: a UUID. */
const idLength = 22;
/** 43 digits of log2(62) bits each: 256 bits (KEY-01). */
const secretLength = 43;
export const apiKeyPrefix = "evf_";
const form = new RegExp(`^${apiKeyPrefix}([0-9A-Za-z]{${idLength}})_([0-9A-Za-z]{${secretLength}})$`);

const randomSecret = customAlphabet(digits, secretLength);

type PresentedApiKey = { apiKeyId: string; secretHash: string };

/** A key as its holder has it: the id says which stream to ask, so that nothing is looked up. */
export const freshApiKey = (apiKeyId: string): { key: string; secretHash: string } => {
  const secret = randomSecret();
  return { key: `${apiKeyPrefix}${idText(apiKeyId)}_${secret}`, secretHash: hashOf(secret) };
};

/** Undefined for whatever is not spelled as a key is: each has one spelling. */
export const readApiKey = (text: string): PresentedApiKey | undefined => {
  const [, spelled = "", secret = ""] = form.exec(text) ?? [];
  const apiKeyId = idIn(spelled);
  return apiKeyId === undefined ? undefined : { apiKeyId, secretHash: hashOf(secret) };
};

/** What tells one key from another, and nothing of its secret. */
export const maskedApiKey = (apiKeyId: string): string => `${apiKeyPrefix}${idText(apiKeyId)}_****`;

/** Whether it is one of these, at the same cost whichever it is, and where there are none. */
export const isAmong = (presentedHash: string, hashes: readonly string[]): boolean => {
  const presented = Buffer.from(presentedHash, "hex");
  return [noSecret, ...hashes].filter((hash) => timingSafeEqual(presented, Buffer.from(hash, "hex"))).length > 0;
};

/** That of no secret anybody knows. */
const noSecret = "0".repeat(64);

const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

const idText = (id: string): string => {
  let rest = BigInt(`0x${id.replaceAll("-", "")}`);
  let text = "";
  for (let place = 0; place < idLength; place += 1) {
    text = `${digits[Number(rest % base)]}${text}`;
    rest /= base;
  }
  return text;
};

const idIn = (text: string): string | undefined => {
  let value = 0n;
  for (const digit of text) value = value * base + BigInt(digits.indexOf(digit));
  if (text === "" || value >= 2n ** 128n) return undefined;
  const hex = value.toString(16).padStart(32, "0");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
};
