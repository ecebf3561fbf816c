import { z } from "zod";
import { IdempotencyKey } from "../commands/commandKey.ts";

const CommitPosition = z
  .string()
  .regex(/^\d{1,19}$/, "must be the position of an answer")
  .transform(BigInt);
const Revision = z
  .string()
  .regex(/^"\d{1,19}"$/, "must be one ETag of this resource")
  .transform((tag) => BigInt(tag.slice(1, -1)));

/** What a command's request may say beside its input. */
export const CommandHeaders = z.object({
  "idempotency-key": IdempotencyKey.optional(),
  "if-match": Revision.optional(),
});
/** The position another process answered with: the read waits until it can see that write. */
export const QueryHeaders = z.object({ "x-event-position": CommitPosition.optional() });
