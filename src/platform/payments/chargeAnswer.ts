import { z } from "zod";
import type { Answer } from "./guardedPost.ts";
import type { ChargeOutcome } from "./provider.ts";

/** What the endpoint's answer tells of a charge. `says` follows the endpoint's name; no body is in it. */
export type ChargeAnswer =
  | ChargeOutcome
  | { readonly outcome: "unknown"; readonly says: string; readonly retryAfterMs: number; readonly cause?: unknown }
  | { readonly outcome: "refused"; readonly says: string };

const REASON_LENGTH_MAX = 200;

/** Written into an event and kept for ever, so it is made text that every database can hold. */
const Reason = z.string().transform((text) => {
  const readable = text.replaceAll(/[\p{C}\s]+/gu, " ").trim();
  return [...readable].slice(0, REASON_LENGTH_MAX).join("") || "no reason was given";
});

const Declined = z.object({ outcome: z.literal("declined"), reason: Reason });
const Accepted = z.object({ outcome: z.literal("accepted"), reference: z.string().regex(/^[!-~]{1,200}$/) });
const Outcome = z.discriminatedUnion("outcome", [Accepted, Declined]);

/** Asked too early, too often, or while the first request with this key is still being worked on. */
const laterStatuses: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** `now`, in milliseconds, is what a `Retry-After` with a date is counted from. */
export const readAnswer = ({ status, retryAfter, body }: Answer, now: number): ChargeAnswer => {
  const retryAfterMs = retryAfterMsOf(retryAfter, now);
  const unknown = (says: string): ChargeAnswer => ({ outcome: "unknown", says, retryAfterMs });
  if (status >= 200 && status < 300) {
    return outcomeIn(Outcome, body) ?? unknown(`answered ${status} with no outcome that can be read`);
  }
  if (status >= 500 || laterStatuses.has(status)) return unknown(`answered ${status}`);
  const isRedirect = status >= 300 && status < 400;
  const refused = {
    outcome: "refused",
    says: `answered ${status}${isRedirect ? ", and is not followed" : ""}`,
  } as const;
  return (status === 402 ? outcomeIn(Declined, body) : undefined) ?? refused;
};

const outcomeIn = (schema: z.ZodType<ChargeOutcome>, body: string | undefined): ChargeOutcome | undefined =>
  schema.safeParse(parsed(body)).data;

const parsed = (body: string | undefined): unknown => {
  try {
    return JSON.parse(body ?? "");
  } catch {
    return undefined;
  }
};

/** Seconds, or a date (RFC 9110, 10.2.3); 0 for what is neither. */
const retryAfterMsOf = (value: string | undefined, now: number): number => {
  if (value === undefined) return 0;
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : 0;
};
