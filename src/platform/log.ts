import pino, { type DestinationStream, type Logger } from "pino";

export type Log = Logger;

/** Whatever is logged under one of these names, two levels deep, is not written. */
const secretNames = [
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
];

/** Tokens and URL passwords that slipped into a message of somebody else's error. */
const secretShapes =
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=\bBearer )[\w.~+/-]+=*|(?<=:\/\/[^\s:/@"]{0,100}:)[^\s/@"]+(?=@)/g;

/**
 * JSON lines with an ISO time, the level's name, and no secrets (LOG-01, LOG-02). Written asynchronously: a line
 * must not hold up the request it tells about.
 */
export const createLog = (
  level: string,
  destination: DestinationStream = pino.destination({ fd: 1, sync: false }),
): Log =>
  pino(
    {
      level,
      base: null,
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "message",
      errorKey: "error",
      serializers: { error: describeError },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "[secret]" },
      hooks: { streamWrite: (line) => line.replace(secretShapes, "[secret]") },
    },
    destination,
  );

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
