import { Metadata, status } from "@grpc/grpc-js";
import { type ExpectedRevision, noRevision } from "./event.ts";

/** A trailer that is larger than a client takes costs it the connection, and with it every other call on it. */
const shownCharactersMax = 1_024;

const shortened = (text: string): string =>
  text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}...`;

/** An error that gRPC sends as status and trailers; the official client recognises it by the trailer `exception`. */
export class RpcError extends Error {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;

  constructor(code: status, details: string, trailers: Record<string, string> = {}) {
    super(shortened(details));
    this.code = code;
    this.details = this.message;
    this.metadata = new Metadata();
    for (const [name, value] of Object.entries(trailers)) this.metadata.set(name, printable(value));
  }
}

// Trailers carry printable ASCII only; everything else is percent-encoded so that a name stays recognisable.
const printable = (text: string): string =>
  shortened(text)
    .toWellFormed()
    .replaceAll(/[^\x20-\x7e]+/g, (unprintable) => encodeURIComponent(unprintable));

export const invalidArgument = (details: string) => new RpcError(status.INVALID_ARGUMENT, details);

export const unknownError = (details: string) => new RpcError(status.UNKNOWN, details);

export const brokenOff = () => new RpcError(status.CANCELLED, "The call was broken off.");

export const shuttingDown = () => new RpcError(status.UNAVAILABLE, "Server Is Not Ready");

export const accessDenied = () =>
  new RpcError(status.PERMISSION_DENIED, "Access Denied", { exception: "access-denied" });

export const streamDeleted = (stream: string) =>
  new RpcError(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: "stream-deleted",
    "stream-name": stream,
  });

export const maximumAppendSizeExceeded = (maximumBytes: number) =>
  new RpcError(status.INVALID_ARGUMENT, `Maximum Append Size of ${maximumBytes} Exceeded.`, {
    exception: "maximum-append-size-exceeded",
    "maximum-append-size": String(maximumBytes),
  });

export const missingRequiredMetadata = () =>
  new RpcError(status.INVALID_ARGUMENT, "Required metadata properties are missing: type, content-type", {
    exception: "missing-required-metadata-property",
    "required-metadata-properties": "type,content-type",
  });

const expectedNumbers = { any: -2, no_stream: noRevision, stream_exists: -4 };

export const wrongExpectedVersion = (stream: string, expected: ExpectedRevision, actual: number) => {
  const expectedNumber = typeof expected === "number" ? expected : expectedNumbers[expected];
  return new RpcError(
    status.FAILED_PRECONDITION,
    `Stream ${stream} was expected at version ${expectedNumber} and is at ${actual}.`,
    {
      exception: "wrong-expected-version",
      "stream-name": stream,
      "expected-version": String(expectedNumber),
      "actual-version": String(actual),
    },
  );
};
