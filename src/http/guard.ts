import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refused, routeNotFound } from "./errors.ts";

const URL_LENGTH_MAX = 4_096;
const unsupported = { code: "UNSUPPORTED_API_VERSION", message: "This version of the API is not served." };
const supported = { supported: ["v1"] };

/** Where requests go whose URL cannot be decoded: to no route, and so through the whole pipeline like any other. */
const UNDECODABLE = "/undecodable";

export const decodableUrl = ({ url = "/" }: { url?: string | undefined }): string => {
  if (!url.includes("%")) return url;
  try {
    decodeURIComponent(url.split("?", 1)[0] ?? "");
    return url;
  } catch {
    return UNDECODABLE;
  }
};

/** Refuses what no route could serve: before the body is read, but after the limits have counted it. */
export const guard = (server: FastifyInstance): void => {
  const methodsAt = knownRoutes(server);
  server.addHook("onRequest", (request, reply, done) => {
    const { is404, url, originalUrl, headers } = request;
    if (originalUrl.length > URL_LENGTH_MAX)
      throw new Refused({ status: 414, code: "URL_TOO_LONG", message: "The URL is too long.", details: {} });
    if (originalUrl !== url)
      throw new Refused({ status: 400, code: "MALFORMED_URL", message: "The URL cannot be decoded.", details: {} });
    if (headers.host === undefined && request.raw.httpVersion === "1.1")
      throw new Refused({ status: 400, code: "BAD_REQUEST", message: "The Host header is missing.", details: {} });
    const version = headers["accept-version"];
    if (version !== undefined && !/^(v?1(\.[\dx*]+){0,2}|\*)$/.test(String(version)))
      throw new Refused({ ...unsupported, status: 406, details: supported });
    if (!is404) return done();
    const allowed = methodsAt(pathOf(request));
    if (allowed.length === 0) throw notFound(request);
    reply.header("allow", allowed.join(", "));
    const details = { allowed };
    throw new Refused({ status: 405, code: "METHOD_NOT_ALLOWED", message: "Not a method of this route.", details });
  });
};

const notFound = (request: FastifyRequest): Refused =>
  /^\/api\/v(?!1(\/|$))\d+(\/|$)/.test(pathOf(request))
    ? new Refused({ ...unsupported, status: 404, details: supported })
    : new Refused(routeNotFound);

const pathOf = ({ url }: FastifyRequest): string => url.split("?", 1)[0] ?? url;

/** Every route there will be, by what its path looks like; asked only when the router found none. */
const knownRoutes = (server: FastifyInstance): ((path: string) => string[]) => {
  const known: { pattern: RegExp; methods: readonly string[] }[] = [];
  server.addHook("onRoute", ({ url, method }) => {
    // The route of preflight requests, which is everywhere.
    if (url === "*") return;
    known.push({
      pattern: new RegExp(`^${url.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`),
      methods: [method].flat(),
    });
  });
  return (path) => [...new Set(known.flatMap(({ pattern, methods }) => (pattern.test(path) ? methods : [])))].sort();
};
