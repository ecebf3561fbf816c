import { randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Log } from "../platform/log.ts";
import { enter } from "./stage.ts";

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** FND-08: the caller's id for the request when it is a UUID, a new one otherwise. */
export const requestIdOf = (given: string | readonly string[] | undefined): string =>
  typeof given === "string" && uuidPattern.test(given) ? given.toLowerCase() : randomUUID();

/** What a request is logged with whose client went before the answer was out; it is never sent. */
const CLIENT_GONE = 499;

/** FND-09, LOG-01: one line a request, written when the last byte is out or the client has gone. */
export const logRequests = (server: FastifyInstance, log: Log): void => {
  const isWritten = log.isLevelEnabled("info");
  server.addHook("onRequest", (request, reply, done) => {
    request.told = {};
    enter("requestId", request);
    reply.header("x-request-id", request.id);
    enter("requestLogger", request);
    if (isWritten) reply.raw.once("close", () => logLine(request, reply));
    done();
  });
};

const logLine = (request: FastifyRequest, reply: FastifyReply): void => {
  const statusCode = reply.raw.writableFinished ? reply.statusCode : CLIENT_GONE;
  const responseTime = Math.round(reply.elapsedTime * 1_000) / 1_000;
  request.log.info({ ...about(request), statusCode, responseTime, outcome: outcomeOf(statusCode) }, "request");
};

/** The path alone: what stands in a query may be nobody's business. */
const about = ({ method, originalUrl, ip, auth, told, routeOptions: { config } }: FastifyRequest) => ({
  method,
  path: originalUrl.split("?", 1)[0],
  action: config.action ?? null,
  resource: config.resource ?? null,
  userId: auth?.actor.kind === "user" ? auth.actor.id : null,
  ...(auth?.actor.kind === "api_key" && { apiKeyId: auth.actor.id }),
  orgId: auth?.organizationId ?? null,
  sessionId: auth?.sessionId ?? null,
  ip,
  ...told,
});

const outcomeOf = (status: number): "success" | "refused" | "aborted" | "failure" => {
  if (status < 400) return "success";
  if (status === CLIENT_GONE) return "aborted";
  return status < 500 ? "refused" : "failure";
};
