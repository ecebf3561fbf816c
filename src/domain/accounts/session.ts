import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";

const SessionId = z.uuid();
/** SHA-256 of a refresh token, hex: the token itself is known to its holder alone. */
export const RefreshTokenHash = z.hash("sha256");

const events = {
  SessionStarted: event(
    z.object({
      sessionId: SessionId,
      userId: z.uuid(),
      organizationId: z.uuid(),
      sessionEpoch: z.int().nonnegative(),
      refreshTokenHash: RefreshTokenHash,
      refreshExpiresAt: z.iso.datetime(),
    }),
  ),
  RefreshTokenRotated: event(
    z.object({
      sessionId: SessionId,
      userId: z.uuid(),
      sessionEpoch: z.int().nonnegative(),
      replacedHash: RefreshTokenHash,
      refreshTokenHash: RefreshTokenHash,
      refreshExpiresAt: z.iso.datetime(),
    }),
  ),
  /** Which organization the session's tokens are good for from now on; those given before stay good for theirs. */
  OrganizationSwitched: event(z.object({ sessionId: SessionId, userId: z.uuid(), organizationId: z.uuid() })),
  SessionEnded: event(z.object({ sessionId: SessionId, userId: z.uuid(), refreshTokenHash: RefreshTokenHash })),
};

type Session =
  | { status: "unknown" }
  | { status: "ended"; userId: string }
  | {
      status: "active";
      userId: string;
      organizationId: string;
      sessionEpoch: number;
      refreshTokenHash: string;
      refreshExpiresAt: string;
    };

export const session: Aggregate<typeof events, Session> = {
  category: "session",
  events,
  initial: { status: "unknown" },
  evolve: {
    SessionStarted: (_, { sessionId: _id, ...started }) => ({ status: "active", ...started }),
    RefreshTokenRotated: (current, { refreshTokenHash, refreshExpiresAt }) =>
      current.status === "active" ? { ...current, refreshTokenHash, refreshExpiresAt } : current,
    OrganizationSwitched: (current, { organizationId }) =>
      current.status === "active" ? { ...current, organizationId } : current,
    SessionEnded: (_, { userId }) => ({ status: "ended", userId }),
  },
};
