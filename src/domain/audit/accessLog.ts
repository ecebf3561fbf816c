import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { derivedId } from "../../kernel/ids.ts";

/** Like attempts of one caller within a minute are one event that counts them. */
const Attempts = z.object({
  accessLogId: z.uuid(),
  /** The one the caller acted in; null where none is known. */
  organizationId: z.uuid().nullable(),
  /** What was attempted, by the name of its route. */
  operation: z.string(),
  code: z.string(),
  reason: z.string(),
  attempts: z.int().positive(),
  firstAt: z.iso.datetime(),
  lastAt: z.iso.datetime(),
});

const events = {
  /** RBAC-11, TEN-15. `target…`: what the first attempt's path named, whoever it belongs to. */
  AccessDenied: event(
    Attempts.extend({
      tier: z.string().nullable(),
      role: z.string().nullable(),
      targetOrganizationId: z.uuid().nullable(),
      targetWorkspaceId: z.uuid().nullable(),
    }),
  ),
  /** AUTH-25. `userId`: the account that was tried, where there is one. */
  SignInFailed: event(Attempts.extend({ userId: z.uuid().nullable() })),
  /** A token that was replaced by another before: somebody has a copy, or did not get an answer. */
  RefreshTokenReused: event(Attempts.extend({ userId: z.uuid(), sessionId: z.uuid() })),
};

type AccessLog = { status: "kept" };
const kept = (log: AccessLog): AccessLog => log;

/** What was refused to whom. Nothing is decided on it. */
export const accessLog: Aggregate<typeof events, AccessLog> = {
  category: "access_log",
  events,
  initial: { status: "kept" },
  evolve: { AccessDenied: kept, SignInFailed: kept, RefreshTokenReused: kept },
};

/** A stream for each organization, and one for the system, and each day: none grows for ever. */
export const accessLogIdOf = (organizationId: string | null, at: string): string =>
  derivedId("access_log", organizationId ?? "system", at.slice(0, 10));
