import { z } from "zod";
import { RefreshTokenHash, session } from "../domain/accounts/session.ts";
import { user } from "../domain/accounts/user.ts";
import { command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import type { Handler } from "./handler.ts";

const InSession = z.object({ sessionId: z.uuid() });
const RefreshToken = { refreshTokenHash: RefreshTokenHash, refreshExpiresAt: z.iso.datetime() };
const SessionHolder = z.object({ userId: z.uuid(), organizationId: z.uuid() });

export const StartSession = command(session, {
  name: "StartSession",
  permission: "public",
  input: InSession.extend({ ...SessionHolder.shape, sessionEpoch: z.int().nonnegative(), ...RefreshToken }),
  output: SessionHolder,
  stream: ({ sessionId }) => sessionId,
  decide: (started, current) =>
    current.status === "unknown"
      ? [{ type: "SessionStarted", data: started }]
      : reject("conflict", "SESSION_EXISTS", "This session was started before."),
  answer: ({ input: { userId, organizationId } }) => ({ userId, organizationId }),
});

/** AUTH-09: the token presented must be the newest; of two that present it at once the stream lets one through. */
export const RotateRefreshToken = command(session, {
  name: "RotateRefreshToken",
  permission: "public",
  input: InSession.extend({ presentedHash: RefreshTokenHash, ...RefreshToken }),
  output: SessionHolder,
  stream: ({ sessionId }) => sessionId,
  decide: ({ sessionId, presentedHash, refreshTokenHash, refreshExpiresAt }, current, { now }) => {
    if (current.status !== "active") return invalidRefreshToken();
    const isExpired = Date.parse(current.refreshExpiresAt) <= Date.parse(now);
    if (current.refreshTokenHash !== presentedHash || isExpired) return invalidRefreshToken();
    const { userId, sessionEpoch } = current;
    const rotated = {
      sessionId,
      userId,
      sessionEpoch,
      replacedHash: presentedHash,
      refreshTokenHash,
      refreshExpiresAt,
    };
    return [{ type: "RefreshTokenRotated", data: rotated }];
  },
  answer: ({ state }) => {
    if (state.status !== "active") throw new Error("a session whose token was rotated is active");
    return { userId: state.userId, organizationId: state.organizationId };
  },
});

/** AUTH-26: whether the user belongs to the organization was asked before. */
export const SwitchOrganization = command(session, {
  name: "SwitchOrganization",
  permission: "account:write",
  input: InSession.extend({ organizationId: z.uuid() }),
  output: SessionHolder,
  stream: ({ sessionId }) => sessionId,
  decide: ({ sessionId, organizationId }, current) => {
    if (current.status !== "active") return reject("unauthenticated", "UNAUTHENTICATED", "This session has ended.");
    const { userId } = current;
    return current.organizationId === organizationId
      ? []
      : [{ type: "OrganizationSwitched", data: { sessionId, userId, organizationId } }];
  },
  answer: ({ state, input: { organizationId } }) => {
    if (state.status !== "active") throw new Error("a session that was switched is active");
    return { userId: state.userId, organizationId };
  },
});

export const EndSession = command(session, {
  name: "EndSession",
  permission: "account:write",
  input: InSession,
  output: z.null(),
  stream: ({ sessionId }) => sessionId,
  decide: ({ sessionId }, current) => {
    if (current.status !== "active") return [];
    const { userId, refreshTokenHash } = current;
    return [{ type: "SessionEnded", data: { sessionId, userId, refreshTokenHash } }];
  },
  answer: () => null,
});

export const invalidRefreshToken = (): Rejection =>
  reject("unauthenticated", "INVALID_REFRESH_TOKEN", "The refresh token is not valid.");

/** AUTH-11, AUTH-12: whether a session may still act; asked on every request, of the write side. */
export const sessionStanding =
  ({ stateOf }: Pick<Handler, "stateOf">) =>
  async ({ sessionId, userId }: { sessionId: string; userId: string }): Promise<"active" | "ended"> => {
    const [{ state: current }, { state: account }] = await Promise.all([
      stateOf(session, sessionId),
      stateOf(user, userId),
    ]);
    if (current.status !== "active" || current.userId !== userId) return "ended";
    return account.status === "registered" && account.sessionEpoch === current.sessionEpoch ? "active" : "ended";
  };
