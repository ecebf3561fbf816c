import type { FastifyInstance } from "fastify";
import { invalid, malformedJson, Refused, unknownFields } from "./errors.ts";
import { enter } from "./stage.ts";

/** Deeper than any input of ours, shallow enough for whatever walks it by recursion. */
const DEPTH_MAX = 32;
/** Names that reach an object's prototype when something careless copies them. */
const forbiddenKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Written out, which is the only way JSON has for it. An even number of backslashes before it stand for themselves. */
const nul = /(?<!\\)(?:\\\\)*\\u0000/;

/** JSON and nothing else; an empty body counts as none. Postgres cannot hold NUL, so none gets in. */
export const acceptJsonBodies = (server: FastifyInstance): void => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, text, done) => {
    enter("bodyParser", request);
    done(null, text === "" ? undefined : parseJson(text));
  });
};

const parseJson = (text: string): unknown => {
  const value = parsed(text);
  // To the framework null is no body at all.
  if (value === null) throw invalid([{ path: "", message: "Must be an object" }]);
  check(value, 0);
  if (text.includes("\\u0000") && nul.test(text))
    throw invalid([{ path: "", message: "NUL characters are not allowed" }]);
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

/** By recursion, which ends where nothing deeper is let in. */
const check = (value: unknown, depth: number): void => {
  if (depth > DEPTH_MAX) throw invalid([{ path: "", message: `Nested deeper than ${DEPTH_MAX} levels` }]);
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value))
    for (const key of Object.keys(value)) if (forbiddenKeys.has(key)) throw invalid(unknownFields([key]));
  for (const inner of Object.values(value)) check(inner, depth + 1);
};
