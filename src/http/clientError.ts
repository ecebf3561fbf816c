import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Log } from "../platform/log.ts";
import { type Failure, failed } from "./envelope.ts";
import { failureOf } from "./errors.ts";

const statusByCode: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** What Node cannot parse as HTTP never becomes a request; it gets the same envelope, id and line in the log. */
export const answerClientErrors =
  (log: Log) =>
  (error: Error & { code: string }, socket: Socket): void => {
    if (error.code === "ECONNRESET" || !socket.writable) return;
    const requestId = randomUUID();
    const failure = failureOf({ statusCode: statusByCode[error.code] ?? 400 });
    socket.end(rawAnswer(failure, requestId));
    const unknown = { method: null, path: null, responseTime: 0 };
    log.info(
      { requestId, ...unknown, statusCode: failure.status, errorCode: failure.code, outcome: "refused" },
      "request",
    );
  };

const rawAnswer = (failure: Failure, requestId: string): string => {
  const body = JSON.stringify(failed(failure, requestId));
  return [
    `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status]}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    "x-content-type-options: nosniff",
    "cache-control: no-store",
    "connection: close",
    "",
    body,
  ].join("\r\n");
};
