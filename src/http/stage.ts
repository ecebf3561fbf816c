import { channel } from "node:diagnostics_channel";
import type { FastifyRequest } from "fastify";

/** FND-11: the pipeline, in order. */
export const stages = [
  "requestId",
  "requestLogger",
  "helmet",
  "cors",
  "rateLimiter",
  "bodyParser",
  "auth",
  "tenantContext",
  "rbac",
  "handler",
  "errorHandler",
] as const;
export type Stage = (typeof stages)[number];

/** Who subscribes sees each request pass its stages; nobody does in production, where this costs nothing. */
export const stageChannel = channel("everfold:http:stage");

export const enter = (stage: Stage, request: FastifyRequest): void => {
  if (stageChannel.hasSubscribers) stageChannel.publish({ stage, requestId: request.id });
};
