import { randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { enter } from "./stage.ts";

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** FND-08: the caller's id for the request when it is a UUID, a new one otherwise. */
export const requestIdOf = (given: string | readonly string[] | undefined): string =>
  typeof given === "string" && uuidPattern.test(given) ? given.toLowerCase() : randomUUID();

/** FND-09, LOG-01: one line a request, written when the last byte is out or the client has gone. */
export const logRequests = (server: FastifyInstance): void => {
  server.addHook("onRequest", async (request, reply) => {
    enter("requestId", request);
    reply.header("x-request-id", request.id);
    enter("requestLogger", request);
  });
  server.addHook("onResponse", async (request, reply) => logLine(request, reply, outcomeOf(reply.statusCode)));
  server.addHook("onRequestAbort", async (request) => {
    request.log.info({ ...about(request), outcome: "aborted" }, "request");
  });
};

const logLine = (request: FastifyRequest, reply: FastifyReply, outcome: string): void =>
  request.log.info(
    {
      ...about(request),
      statusCode: reply.statusCode,
      responseTime: Math.round(reply.elapsedTime * 1e3) / 1e3,
      outcome,
    },
    "request",
  );

/** The path alone: what stands in a query may be nobody's business. */
const about = ({ method, url, ip, auth, told, routeOptions: { config } }: FastifyRequest) => ({
  method,
  path: url.split("?", 1)[0],
  action: config.action ?? null,
  resource: config.resource ?? null,
  userId: auth?.userId ?? null,
  orgId: auth?.organizationId ?? null,
  sessionId: auth?.sessionId ?? null,
  ip,
  ...told,
});

const outcomeOf = (status: number): "success" | "refused" | "failure" => {
  if (status < 400) return "success";
  return status < 500 ? "refused" : "failure";
};
