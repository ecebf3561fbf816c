import type { FastifyInstance, FastifyRequest } from "fastify";
import { invalid, malformedJson, Refused, unknownFields } from "./errors.ts";
import { enter } from "./stage.ts";

/** Deeper than any input of ours, shallow enough for whatever walks it by recursion. */
const DEPTH_MAX = 32;
/** Names that reach an object's prototype when something careless copies them. */
const forbiddenKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** JSON and nothing else; an empty body counts as none. Postgres cannot hold NUL, so none gets in. */
export const acceptJsonBodies = (server: FastifyInstance): void => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser<string>(
    "application/json",
    { parseAs: "string" },
    async (request: FastifyRequest, text: string) => {
      enter("bodyParser", request);
      return text === "" ? undefined : parseJson(text);
    },
  );
};

const parseJson = (text: string): unknown => {
  const value = parsed(text);
  // To the framework null is no body at all.
  if (value === null) throw invalid([{ path: "", message: "Must be an object" }]);
  check(value);
  return value;
};

/** The parser's own message quotes the body, where a password may stand: it goes no further. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch {
    throw new Refused(malformedJson);
  }
};

/** Level by level rather than by recursion, which a deep enough body would overflow. */
const check = (value: unknown): void => {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH_MAX) throw invalid([{ path: "", message: `Nested deeper than ${DEPTH_MAX} levels` }]);
    level = level.flatMap(inside);
  }
};

const inside = (value: unknown): unknown[] => {
  if (typeof value === "string") checkText(value);
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value;
  for (const key of Object.keys(value)) {
    checkText(key);
    if (forbiddenKeys.has(key)) throw invalid(unknownFields([key]));
  }
  return Object.values(value);
};

const checkText = (text: string): void => {
  if (text.includes("\0")) throw invalid([{ path: "", message: "NUL characters are not allowed" }]);
};
