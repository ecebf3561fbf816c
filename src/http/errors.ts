import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { type Rejection, type RejectionKind, reject } from "../kernel/rejection.ts";
import { Unavailable } from "../platform/unavailable.ts";
import { type Failure, failed, problem } from "./envelope.ts";
import { enter } from "./stage.ts";
import "./request.ts";

/** A refusal on its way out of a hook, where returning one would let the request pass. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

const statusOf: Readonly<Record<RejectionKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  insufficient: 402,
  forbidden: 403,
  missing: 404,
  conflict: 409,
  gone: 410,
  precondition: 412,
  unprocessable: 422,
  limited: 429,
};

/** A queue that is full has room again when its next batch is written. */
const RETRY_LIMITED_S = 1;

export const failureOfRejection = ({ rejected, code, message, details }: Rejection): Failure => ({
  status: statusOf[rejected],
  code,
  message,
  details,
  ...(rejected === "limited" && { retryAfterSeconds: RETRY_LIMITED_S }),
});

export const refused = (rejection: Rejection): Refused => new Refused(failureOfRejection(rejection));

/** Where the request is wrong, in the caller's own words. */
type Fault = { path: string; message: string };

/** Whoever mends a request can begin with these; a body of nothing but faults must not come back whole. */
const FAULTS_MAX = 20;
const PATH_LENGTH_MAX = 100;

/** FND-10. */
export const invalid = (faults: readonly Fault[]): Refused => {
  const details = faults
    .slice(0, FAULTS_MAX)
    .map(({ path, message }) => ({ path: path.slice(0, PATH_LENGTH_MAX), message }));
  return new Refused({ status: 400, code: "VALIDATION_ERROR", message: "The request is not valid.", details });
};

export const unknownFields = (paths: readonly string[]): Fault[] =>
  paths.map((path) => ({ path, message: "Unknown field" }));

const faultsIn = (error: z.ZodError): Fault[] =>
  error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? unknownFields(issue.keys.map((key) => [...issue.path, key].join(".")))
      : [{ path: issue.path.join("."), message: issue.message }],
  );

/** Errors: `Refused` with `VALIDATION_ERROR`. */
export const validated = <S extends z.ZodType>(schema: S, value: unknown): z.output<S> => {
  const outcome = schema.safeParse(value);
  if (!outcome.success) throw invalid(faultsIn(outcome.error));
  return outcome.data;
};

const plain = (status: number, code: string, message: string): Failure => ({ status, code, message, details: {} });

export const routeNotFound = plain(404, "ROUTE_NOT_FOUND", "There is no such route.");
export const resourceNotFound = failureOfRejection(
  reject("missing", "RESOURCE_NOT_FOUND", "There is no such resource."),
);
export const malformedJson = plain(400, "MALFORMED_JSON", "The body is not valid JSON.");

const internal = plain(500, "INTERNAL", "Something went wrong on our side.");

/** The framework's own refusals. Their messages are not passed on: some quote the body. */
const failureByCode: Readonly<Record<string, Failure>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: plain(413, "BODY_TOO_LARGE", "The body is larger than allowed."),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: plain(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json."),
  FST_ERR_CTP_INVALID_JSON_BODY: malformedJson,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: plain(400, "BAD_REQUEST", "Content-Length does not fit the body."),
};
const failureByStatus: Readonly<Record<number, Failure>> = {
  400: plain(400, "BAD_REQUEST", "The request cannot be understood."),
  404: routeNotFound,
  408: plain(408, "REQUEST_TIMEOUT", "The request took too long to arrive."),
  413: plain(413, "BODY_TOO_LARGE", "The body is larger than allowed."),
  415: plain(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json."),
  431: plain(431, "HEADERS_TOO_LARGE", "The headers are larger than allowed."),
};

/** What any error means to the client: refusals say what they are, everything unknown says nothing (FND-07). */
export const failureOf = (error: unknown): Failure => {
  if (error instanceof Refused) return error.failure;
  if (error instanceof Unavailable)
    return {
      ...plain(503, "BACKEND_UNAVAILABLE", "The service cannot answer this right now; try again."),
      retryAfterSeconds: error.retryAfterSeconds,
    };
  const { code, statusCode } = Object(error) as { code?: unknown; statusCode?: unknown };
  return (
    failureByCode[typeof code === "string" ? code : ""] ??
    failureByStatus[typeof statusCode === "number" ? statusCode : 0] ??
    (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500
      ? { ...plain(400, "BAD_REQUEST", "The request cannot be understood."), status: statusCode }
      : internal)
  );
};

/** Sends a failure in the shape the client asked for. */
export const sendFailure = (request: FastifyRequest, reply: FastifyReply, failure: Failure): FastifyReply => {
  // A method that HTTP knows and routers do not is refused before the first stage of the pipeline.
  request.told = { ...request.told, errorCode: failure.code };
  reply.code(failure.status).header("x-request-id", request.id).removeHeader("etag");
  if (failure.retryAfterSeconds !== undefined) reply.header("retry-after", failure.retryAfterSeconds);
  if (failure.status === 401) reply.header("www-authenticate", "Bearer");
  const wantsProblem = request.headers.accept?.includes("application/problem+json") ?? false;
  const [type, body] = wantsProblem
    ? ["application/problem+json; charset=utf-8", problem(failure, request.id)]
    : ["application/json; charset=utf-8", failed(failure, request.id)];
  return reply.type(type).serializer(JSON.stringify).send(body);
};

/** The last stage of the pipeline. Only faults of ours are logged with their cause; a refusal is no event. */
export const errorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  enter("errorHandler", request);
  const failure = failureOf(error);
  const sessionId = request.auth?.sessionId ?? null;
  if (failure.status === 500) request.log.error({ error, sessionId }, "unexpected error");
  if (failure.status === 503) request.log.warn({ error, sessionId }, "backend unavailable");
  return sendFailure(request, reply, failure);
};
