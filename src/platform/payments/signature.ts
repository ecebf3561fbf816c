import { createHmac, timingSafeEqual } from "node:crypto";

/** How old, or how far ahead of the receiver's clock, a signed call may be. */
const TOLERANCE_SECONDS = 300;

const macOf = (secret: string, seconds: string, body: string | Uint8Array): Buffer =>
  createHmac("sha256", secret).update(`${seconds}.`).update(body).digest();

/** The value of `Everfold-Signature`: the time is signed together with the body, so that neither can be exchanged. */
export const signatureOf = (body: string, { secret, now }: { secret: string; now: number }): string => {
  const seconds = String(Math.floor(now / 1_000));
  return `t=${seconds},v1=${macOf(secret, seconds, body).toString("hex")}`;
};

/**
 * Whether `body`, byte for byte as it was received, was signed with `secret` within the last five minutes. What is
 * repeated within them is recognized by its `Idempotency-Key`. `now` is in milliseconds.
 */
export const verifySignature = (
  signature: string,
  body: string | Uint8Array,
  { secret, now }: { secret: string; now: number },
): boolean => {
  const [, seconds = "", mac = ""] = /^t=(\d{1,12}),v1=([\da-f]{64})$/.exec(signature) ?? [];
  if (mac === "" || Math.abs(now / 1_000 - Number(seconds)) > TOLERANCE_SECONDS) return false;
  return timingSafeEqual(Buffer.from(mac, "hex"), macOf(secret, seconds, body));
};
