import type { FastifyRequest } from "fastify";
import { reject } from "../kernel/rejection.ts";
import { apiKeyCaller, presentedApiKey } from "./apiKeyAuth.ts";
import { refused } from "./errors.ts";
import type { Caller, Ports } from "./ports.ts";

const SCHEME = "bearer ";
const unauthenticated = reject("unauthenticated", "UNAUTHENTICATED", "Sign in to use this.");
const tokenExpired = reject("unauthenticated", "TOKEN_EXPIRED", "The access token has expired.");

/**
 * AUTH-13, AUTH-14: who sends the request, by its Bearer token and the standing of the session it belongs to, or by its
 * API key. Why neither is accepted goes to the log; the client learns no more than that an expired token should be
 * refreshed.
 */
export const authenticate =
  (ports: Pick<Ports, "tokens" | "sessions" | "apiKeys" | "now">) =>
  async (request: FastifyRequest): Promise<Caller> => {
    const { tokens, sessions } = ports;
    const token = bearerToken(request.headers.authorization);
    const key = presentedApiKey({ token, headers: request.headers });
    if (key !== undefined) {
      const caller = await apiKeyCaller(ports, key);
      return "fault" in caller ? refuse(request, caller.fault) : caller;
    }
    if (token === undefined) return refuse(request, request.headers.authorization ? "no_bearer" : "no_credentials");
    const claims = await tokens.verify(token);
    if ("fault" in claims) return refuse(request, claims.fault);
    const standing = await sessions.standing(claims);
    if (standing !== "active") return refuse(request, `session_${standing}`);
    const { userId, sessionId, organizationId } = claims;
    return { actor: { kind: "user", id: userId }, userId, sessionId, organizationId };
  };

/** RFC 6750: the scheme's name in any case, one space, one token. What a token may be made of, its verifier knows. */
const bearerToken = (authorization = ""): string | undefined => {
  if (authorization.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  const token = authorization.slice(SCHEME.length);
  return token === "" || token.includes(" ") ? undefined : token;
};

const refuse = (request: FastifyRequest, reason: string): never => {
  request.told.reason = reason;
  throw refused(reason === "expired" ? tokenExpired : unauthenticated);
};
