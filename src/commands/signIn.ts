import { createHash, randomUUID } from "node:crypto";
import { nanoid } from "nanoid";
import { z } from "zod";
import { emailClaim } from "../domain/accounts/emailClaim.ts";
import { session } from "../domain/accounts/session.ts";
import { user } from "../domain/accounts/user.ts";
import { activeRole, organization } from "../domain/tenancy/organization.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import type { AccessNotes, Attempt } from "./accessLog.ts";
import { Email, RevokeUserSessions } from "./accounts.ts";
import type { BlindIndex } from "./claims.ts";
import { unconditional } from "./commandContext.ts";
import type { Accepted, CommandContext, Handler } from "./handler.ts";
import { operation } from "./operation.ts";
import { EndSession, invalidRefreshToken, RotateRefreshToken, StartSession } from "./sessions.ts";

const presentedLengthMax = 1024;
const RefreshToken = z.string().min(1).max(presentedLengthMax);

/** `expiresIn`: seconds until the access token expires. */
const Tokens = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  tokenType: z.literal("Bearer"),
  expiresIn: z.int().positive(),
});
const Account = z.object({ id: z.uuid(), email: z.email(), name: z.string() });
const SignedIn = Tokens.extend({ user: Account });

export type AccessClaims = { userId: string; sessionId: string; organizationId: string; roles: readonly string[] };

type Services = {
  handler: Handler;
  blindIndex: BlindIndex;
  /** Compares at the same cost when there is no hash, so that time does not tell whether an account exists. */
  passwordMatches: (password: string, hash: string | undefined) => Promise<boolean>;
  signAccessToken: (claims: AccessClaims) => Promise<{ accessToken: string; expiresIn: number }>;
  refreshLifetimeMs: number;
  accessNotes: Pick<AccessNotes, "note">;
};

/** AUTH-04, AUTH-06: an unknown address and a wrong password are told apart by nothing. */
export const login = (services: Services) =>
  operation({
    name: "Login",
    permission: "public",
    input: z.object({ email: Email, password: z.string().min(1).max(presentedLengthMax) }),
    output: SignedIn,
    execute: async ({ email, password }, context) => {
      const { handler, blindIndex, passwordMatches } = services;
      const { state: claim } = await handler.stateOf(emailClaim, blindIndex("email", email));
      const userId = claim.status === "held" ? claim.userId : undefined;
      const account = userId ? (await handler.stateOf(user, userId)).state : undefined;
      const registered = account?.status === "registered" ? account : undefined;
      const matches = await passwordMatches(password, registered?.passwordHash);
      if (!matches || !registered || !userId) {
        const tried = { userId: userId ?? null, organizationId: registered?.organizationId ?? null };
        noteFailure(services, context, failedSignIn("Login", userId ? "wrong_password" : "unknown_account", tried));
        return invalidCredentials();
      }

      const { organizationId, sessionEpoch } = registered;
      const sessionId = randomUUID();
      const fresh = freshRefreshToken(sessionId, context, services);
      const started = await handler.handle(
        StartSession,
        { sessionId, userId, organizationId, sessionEpoch, ...fresh.stored },
        { ...once(context), actor: { kind: "user", id: userId }, sessionId, organizationId },
      );
      return signedIn(services, sessionId, fresh.refreshToken, started);
    },
  });

/** AUTH-09: gives new tokens for the newest refresh token of a session, once. */
export const refresh = (services: Services) =>
  operation({
    name: "RefreshTokens",
    permission: "public",
    input: z.object({ refreshToken: RefreshToken }),
    output: SignedIn,
    execute: async ({ refreshToken }, context) => {
      const { handler } = services;
      const refuse = (reason: string, tried: Tried) => {
        noteFailure(services, context, failedSignIn("RefreshTokens", reason, tried));
        return invalidRefreshToken();
      };
      const sessionId = sessionOf(refreshToken);
      if (!sessionId) return refuse("malformed", nobody);
      const { state: current } = await handler.stateOf(session, sessionId);
      if (current.status === "unknown") return refuse("unknown_session", nobody);
      if (current.status === "ended") return refuse("session_ended", { ...nobody, userId: current.userId });
      const { state: account } = await handler.stateOf(user, current.userId);
      if (account.status !== "registered" || account.sessionEpoch !== current.sessionEpoch)
        return refuse("session_ended", current);

      const fresh = freshRefreshToken(sessionId, context, services);
      const rotated = await handler.handle(
        RotateRefreshToken,
        { sessionId, presentedHash: hashOf(refreshToken), ...fresh.stored },
        {
          ...once(context),
          actor: { kind: "user", id: current.userId },
          sessionId,
          organizationId: current.organizationId,
        },
      );
      if (isRejection(rotated)) noteFailure(services, context, refusedRotation(sessionId, current, refreshToken));
      return signedIn(services, sessionId, fresh.refreshToken, rotated);
    },
  });

const invalidCredentials = (): Rejection =>
  reject("unauthenticated", "INVALID_CREDENTIALS", "E-mail address or password is wrong.");

type Tried = { userId: string | null; organizationId: string | null };
const nobody: Tried = { userId: null, organizationId: null };

const failedSignIn = (operation: string, reason: string, { userId, organizationId }: Tried): Attempt => ({
  type: "SignInFailed",
  data: {
    userId,
    organizationId,
    operation,
    code: operation === "Login" ? invalidCredentials().code : invalidRefreshToken().code,
    reason,
  },
});

/** AUTH-25: the token was a good one once, or its time is over. */
const refusedRotation = (
  sessionId: string,
  current: Tried & { userId: string; refreshTokenHash: string },
  presented: string,
): Attempt => {
  const { userId, organizationId } = current;
  if (current.refreshTokenHash === hashOf(presented)) return failedSignIn("RefreshTokens", "expired", current);
  const data = { userId, sessionId, organizationId, operation: "RefreshTokens", code: invalidRefreshToken().code };
  return { type: "RefreshTokenReused", data: { ...data, reason: "replaced" } };
};

/** Whoever it was has proved nothing: they are known by the account that they tried. */
const noteFailure = ({ accessNotes }: Services, context: CommandContext, attempt: Attempt): void => {
  const { requestId, sessionId, workspaceId, ip, userAgent } = context;
  const tried = "userId" in attempt.data ? attempt.data.userId : null;
  accessNotes.note(attempt, {
    requestId,
    sessionId,
    workspaceId,
    ip,
    userAgent,
    actor: { kind: "anonymous", id: tried },
  });
};

/** AUTH-11: ends the session of the access token, and that of the refresh token when it is another of the same user. */
export const logout = ({ handler }: Pick<Services, "handler">) =>
  operation({
    name: "Logout",
    permission: "account:write",
    input: z.object({ refreshToken: RefreshToken }),
    output: z.null(),
    execute: async ({ refreshToken }, context) => {
      const sessionId = sessionOf(refreshToken);
      if (sessionId && sessionId !== context.sessionId) {
        const { state: other } = await handler.stateOf(session, sessionId);
        const isOwn = other.status === "active" && other.userId === context.actor.id;
        if (!isOwn || other.refreshTokenHash !== hashOf(refreshToken)) return invalidRefreshToken();
        const ended = await handler.handle(EndSession, { sessionId }, unconditional(context));
        if (isRejection(ended)) return ended;
      }
      return handler.handle(EndSession, { sessionId: known(context.sessionId) }, unconditional(context));
    },
  });

/** AUTH-12: ends all sessions of the caller, this one included. */
export const logoutEverywhere = ({ handler }: Pick<Services, "handler">) =>
  operation({
    name: "LogoutEverywhere",
    permission: "account:write",
    input: z.object({}),
    output: z.null(),
    execute: async (_, context) =>
      handler.handle(RevokeUserSessions, { userId: known(context.actor.id) }, unconditional(context)),
  });

/** These operations are for callers who have signed in: the routes see to that. */
const known = (id: string | null): string => {
  if (id === null) throw new Error("whoever signs out has a session and an account");
  return id;
};

const signedIn = async (
  { handler, signAccessToken }: Services,
  sessionId: string,
  refreshToken: string,
  outcome: Accepted<{ userId: string; organizationId: string }> | Rejection,
): Promise<Accepted<z.output<typeof SignedIn>> | Rejection> => {
  if (isRejection(outcome)) return outcome;
  const { userId, organizationId } = outcome.answer;
  const { state: tenant } = await handler.stateOf(organization, organizationId);
  const role = activeRole(tenant, userId);
  const token = await signAccessToken({ userId, sessionId, organizationId, roles: role ? [role] : [] });
  const account = await accountOf(handler, userId);
  return { ...outcome, answer: { ...token, refreshToken, tokenType: "Bearer", user: account } };
};

const accountOf = async ({ history }: Handler, userId: string): Promise<z.output<typeof Account>> => {
  for await (const event of history(user, userId))
    if (event.type === "UserRegistered") return { id: userId, email: event.data.email, name: event.data.name };
  throw new Error("a session belongs to a registered user");
};

/** The session's id stands in the token, so that its stream is found without looking anything up. */
const freshRefreshToken = (sessionId: string, { now }: CommandContext, { refreshLifetimeMs }: Services) => {
  const refreshToken = `${sessionId}.${nanoid(refreshTokenLength)}`;
  return {
    refreshToken,
    stored: {
      refreshTokenHash: hashOf(refreshToken),
      refreshExpiresAt: new Date(Date.parse(now) + refreshLifetimeMs).toISOString(),
    },
  };
};
/** 43 characters of 6 bits each: 258 bits (AUTH-10). */
const refreshTokenLength = 43;

/** Tokens are given away and kept nowhere: no answer with them can be given again, whatever Idempotency-Key came. */
const once = (context: CommandContext): CommandContext => ({ ...unconditional(context), commandId: randomUUID() });

const hashOf = (refreshToken: string): string => createHash("sha256").update(refreshToken).digest("hex");

const sessionOf = (refreshToken: string): string | undefined =>
  z.uuid().safeParse(refreshToken.slice(0, refreshToken.indexOf("."))).data;
