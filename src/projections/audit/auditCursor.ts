import { z } from "zod";
import { AuditAction } from "./auditAction.ts";

/** Of all records, these. `from` is included, `to` is not. */
export const AuditFilter = z.object({
  userId: z.uuid().optional().describe("Who did it; of a failed log-in, whose account was tried"),
  action: AuditAction.optional(),
  resourceType: z
    .string()
    .regex(/^[a-z_]{1,60}$/)
    .optional(),
  resourceId: z.uuid().optional(),
  workspaceId: z.uuid().optional(),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
});
export type AuditFilter = z.output<typeof AuditFilter>;

/** Records go on with those before this one. */
const Continuation = z.strictObject({ at: z.iso.datetime(), id: z.uuid(), filter: AuditFilter });
export type AuditContinuation = z.output<typeof Continuation>;

const cursorLengthMax = 2_000;

/** Opaque: it brings the filter of what it goes on with, so that none other can be mixed in. */
export const auditCursorOf = (continuation: AuditContinuation): string =>
  Buffer.from(JSON.stringify(continuation)).toString("base64url");

export const auditContinuationIn = (cursor: string): AuditContinuation | undefined => {
  try {
    return Continuation.safeParse(JSON.parse(Buffer.from(cursor, "base64url").toString())).data;
  } catch {
    return undefined;
  }
};

export const AuditCursor = z
  .string()
  .max(cursorLengthMax)
  .refine((cursor) => auditContinuationIn(cursor) !== undefined, "is none that an audit log gave");
