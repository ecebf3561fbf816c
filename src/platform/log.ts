import pino, { type DestinationStream, type Logger } from "pino";

export type Log = Logger;
/** Where lines go, each with its line break. */
export type LogDestination = DestinationStream;

/** Written asynchronously: a line must not hold up the request it tells about. */
export const standardOutput = (): LogDestination => pino.destination({ fd: 1, sync: false });

/** Whatever is logged under one of these names is not written. */
const secretNames: ReadonlySet<string> = new Set([
  "password",
  "passwordHash",
  "secret",
  "key",
  "token",
  "accessToken",
  "refreshToken",
  "authorization",
  "cookie",
  "code",
  "masterKey",
  "pepper",
]);
/** Deeper objects than any line of ours are not written at all. */
const DEPTH_MAX = 4;
const CENSORED = "[secret]";

/** Tokens, keys and URL passwords that slipped into a message of somebody else's error. */
const secretShapes =
  /\bevf_\w+|\beyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=\bBearer )[\w.~+/-]+=*|(?<=:\/\/[^\s:/@"]{0,100}:)[^\s/@"]+(?=@)/g;
/** What each of those shapes begins with, found at a fraction of the cost of looking for them. */
const mayHoldSecret = /evf_|eyJ|Bearer |:\/\//;

/** JSON lines with an ISO time, the level's name, and no secrets (LOG-01, LOG-02). */
export const createLog = (level: string, destination: LogDestination = standardOutput()): Log =>
  pino(
    {
      level,
      base: null,
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: (line) => withoutSecrets(line, 0) },
      messageKey: "message",
      errorKey: "error",
      // `err` is what libraries call it.
      serializers: { error: describeError, err: describeError },
      hooks: { streamWrite: (line) => (mayHoldSecret.test(line) ? line.replace(secretShapes, CENSORED) : line) },
    },
    destination,
  );

/** Walks what is there rather than looking for paths, which costs more than all the rest of a request's logging. */
const withoutSecrets = (line: Record<string, unknown>, depth: number): Record<string, unknown> => {
  const written: Record<string, unknown> = {};
  for (const name in line) written[name] = secretNames.has(name) ? CENSORED : censored(line[name], depth + 1);
  return written;
};

const censored = (value: unknown, depth: number): unknown => {
  if (typeof value !== "object" || value === null || value instanceof Error || "toJSON" in value) return value;
  if (depth > DEPTH_MAX) return CENSORED;
  if (Array.isArray(value)) return value.map((item) => censored(item, depth + 1));
  return withoutSecrets(value as Record<string, unknown>, depth);
};

type ErrorRecord = { type: string; message: string; stack?: string | undefined; cause?: ErrorRecord };

/** How deep causes of causes are told. */
const CAUSES_MAX = 4;

/** Not every property of an error: drivers put statements, parameters and rows on theirs. */
const describeError = (error: unknown, depth = 0): ErrorRecord =>
  error instanceof Error
    ? {
        type: error.name,
        message: error.message,
        stack: error.stack,
        ...(error.cause === undefined || depth === CAUSES_MAX ? {} : { cause: describeError(error.cause, depth + 1) }),
      }
    : { type: typeof error, message: "something that is no error was thrown" };
