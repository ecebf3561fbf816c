import compress from "@fastify/compress";
import cors from "@fastify/cors";
import rateLimit from "@fastify/rate-limit";
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import type { z } from "zod";
import type { Log } from "../platform/log.ts";
import { answerJson } from "./answerJson.ts";
import { type App, createApp } from "./binder.ts";
import { answerClientErrors } from "./clientError.ts";
import { documentationRoutes } from "./docs.ts";
import { draining } from "./draining.ts";
import { errorHandler, Refused } from "./errors.ts";
import { decodableUrl, guard } from "./guard.ts";
import { acceptJsonBodies } from "./jsonBody.ts";
import { documentRoutes } from "./openapi.ts";
import type { Ports } from "./ports.ts";
import { protectingHeaders } from "./protectingHeaders.ts";
import { slidingWindow } from "./rateLimit.ts";
import { logRequests, requestIdOf } from "./requestLog.ts";
import type { Route } from "./route.ts";
import { enter } from "./stage.ts";
import { type Dependency, systemRoutes } from "./system.ts";

/** The settings http needs, by the names they have in the environment. */
export type HttpSettings = {
  CORS_ORIGIN: readonly string[];
  RATE_LIMIT_MAX: number;
  RATE_LIMIT_AUTH_MAX: number;
  BODY_LIMIT_BYTES: number;
  TRUST_PROXY: false | number | readonly string[];
};

export type HttpServer = {
  /** Every route of the API, for whoever enumerates them. */
  routes: readonly Route[];
  /** Resolves to the URL listened on; port 0 takes any free one. Errors: EADDRINUSE and the like. */
  listen(address: { host: string; port: number }): Promise<string>;
  /** FND-22: not ready from now on; resolves when requests in flight are answered, or cut off after 10 s. */
  close(): Promise<void>;
};

const RATE_LIMIT_WINDOW_MS = 60_000;
const COMPRESSION_THRESHOLD_BYTES = 1_024;
const HEADERS_BYTES_MAX = 16_384;
const HEADERS_COUNT_MAX = 100;
/** A request that has not arrived by then is not coming; slow senders would hold connections for ever. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Everything between a socket and the features' routes, in the order of FND-11. */
export const createServer = async (options: {
  settings: HttpSettings;
  log: Log;
  ports: Ports;
  keys: Pick<Parameters<typeof systemRoutes>[3], "jwks" | "ledgerKeys">;
  dependencies: readonly Dependency[];
  features: (app: App) => void;
}): Promise<HttpServer> => {
  const { settings, log, ports, keys, dependencies, features } = options;
  const server = bareServer(settings, log);
  const routes: Route[] = [];
  const { isDraining, close } = draining(server);

  documentRoutes(server, routes);
  await pipeline(server, settings, log);
  systemRoutes(server, ports, routes, { dependencies, ...keys, isDraining });
  features(createApp(server, ports, routes));
  await documentationRoutes(server);
  await server.ready();

  return {
    routes,
    listen: (address) => server.listen(address),
    close,
  };
};

const bareServer = (settings: HttpSettings, log: Log): FastifyInstance => {
  const { TRUST_PROXY: proxies } = settings;
  const server = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    genReqId: ({ headers }) => requestIdOf(headers["x-request-id"]),
    trustProxy: typeof proxies === "number" ? (_, hop) => hop < proxies : proxies && [...proxies],
    bodyLimit: settings.BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false,
    http: { maxHeaderSize: HEADERS_BYTES_MAX, requireHostHeader: false },
    routerOptions: { maxParamLength: HEADERS_BYTES_MAX },
    rewriteUrl: decodableUrl,
    clientErrorHandler: answerClientErrors(log),
  });
  server.server.maxHeadersCount = HEADERS_COUNT_MAX;
  // Node's own answer would be bare; RFC 9110 lets expectations nobody knows be passed over.
  server.server.on("checkExpectation", (request, response) => server.server.emit("request", request, response));
  // Input is validated where it is put together (input.ts): schemas here describe, and let fields out.
  server.setValidatorCompiler(() => (value) => ({ value }));
  server.setSerializerCompiler<z.core.$ZodType>(({ schema }) => answerJson(schema));
  server.setErrorHandler(errorHandler);
  server.decorateRequest("auth", null);
  server.decorateRequest("access", null);
  server.decorateRequest("told");
  acceptJsonBodies(server);
  return server;
};

const pipeline = async (server: FastifyInstance, settings: HttpSettings, log: Log): Promise<void> => {
  logRequests(server, log);
  server.addHook("onRequest", (request, reply, done) => {
    reply.headers(protectingHeaders);
    enter("helmet", request);
    done();
  });
  await server.register(cors, {
    origin: [...settings.CORS_ORIGIN],
    credentials: true,
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: ["x-request-id", "x-event-position", "etag", "idempotency-hit", "retry-after"],
    maxAge: 600,
    strictPreflight: false,
  });
  server.addHook("onRequest", (request, _, done) => {
    enter("cors", request);
    done();
  });
  await limitRates(server, settings);
  guard(server);
  await server.register(compress, {
    globalDecompression: false,
    threshold: COMPRESSION_THRESHOLD_BYTES,
  });
};

const limitRates = async (server: FastifyInstance, settings: HttpSettings): Promise<void> => {
  await server.register(rateLimit, {
    global: false,
    store: slidingWindow,
    timeWindow: RATE_LIMIT_WINDOW_MS,
    errorResponseBuilder: () =>
      new Refused({ status: 429, code: "RATE_LIMITED", message: "Too many requests; wait a while.", details: {} }),
  });
  const limitOf = (max: number) => (max === 0 ? undefined : server.rateLimit({ max }));
  const limits = {
    general: limitOf(settings.RATE_LIMIT_MAX),
    auth: limitOf(settings.RATE_LIMIT_AUTH_MAX),
    none: undefined,
  };
  server.addHook("onRequest", (request, reply, done) => {
    enter("rateLimiter", request);
    const limit = limits[request.routeOptions.config.limit ?? "general"];
    if (limit === undefined) done();
    else limit.call(server, request, reply).then(() => done(), done);
  });
};
