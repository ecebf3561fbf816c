import type { UUID } from "@eventstore/db-client/generated/shared_pb.js";
import type { BatchAppendReq } from "@eventstore/db-client/generated/streams_pb.js";
import { status } from "@grpc/grpc-js";
import { RpcError } from "./errors.ts";
import { type ExpectedRevision, type ProposedEvent, sizeBytes } from "./event.ts";
import { batchExpectedRevision, proposedEvent, uuid, writableStreamName } from "./requests.ts";
import type { BatchAddress, BatchRefusal } from "./responses.ts";

const writeTimeoutMs = 2_000;

export type CompleteBatch = {
  readonly address: BatchAddress;
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly ProposedEvent[];
};

type Batch = CompleteBatch & { readonly events: ProposedEvent[]; bytes: number; timer: NodeJS.Timeout | undefined };

type BatchListener = {
  /** Called at most once for a batch, and then with nothing more of it to come. */
  complete(batch: CompleteBatch): void;
  refused(address: BatchAddress, refusal: BatchRefusal): void;
};

type BatchAssembly = { receive(chunk: BatchAppendReq): void; discard(): void };

/** Puts together the appends that come in chunks, interleaved. What comes after a batch was refused is passed over. */
export function createBatchAssembly(maxAppendBytes: number, listener: BatchListener): BatchAssembly {
  const open = new Map<string, Batch>();

  const close = (key: string) => {
    clearTimeout(open.get(key)?.timer);
    open.delete(key);
  };

  const refuse = (key: string, address: BatchAddress, refusal: BatchRefusal) => {
    close(key);
    listener.refused(address, refusal);
  };

  const add = (key: string, correlationId: UUID, chunk: BatchAppendReq) => {
    const batch = open.get(key) ?? begin(correlationId, chunk);
    if (batch === undefined) return;
    const remainingMs = batch.timer === undefined ? remainingTimeMs(chunk) : writeTimeoutMs;
    if (remainingMs <= 0) return refuse(key, batch.address, { kind: "timeout" });
    fill(batch, chunk.getProposedMessagesList(), maxAppendBytes);
    if (chunk.getIsFinal()) {
      close(key);
      listener.complete(batch);
      return;
    }
    batch.timer ??= setTimeout(() => refuse(key, batch.address, { kind: "timeout" }), remainingMs);
    open.set(key, batch);
  };

  return {
    receive(chunk) {
      const correlationId = chunk.getCorrelationId();
      if (correlationId === undefined) return;
      const key = uuid(correlationId);
      try {
        add(key, correlationId, chunk);
      } catch (error) {
        const stream = open.get(key)?.address.stream ?? chunk.getOptions()?.getStreamIdentifier();
        refuse(key, { correlationId, stream }, refusalOf(error));
      }
    },
    discard: () => {
      for (const key of [...open.keys()]) close(key);
    },
  };
}

// Only the first chunk has options; a chunk of a batch that is not open has nothing to belong to.
function begin(correlationId: UUID, chunk: BatchAppendReq): Batch | undefined {
  const options = chunk.getOptions();
  if (options === undefined) return undefined;
  const identifier = options.getStreamIdentifier();
  return {
    address: { correlationId, stream: identifier },
    stream: writableStreamName(identifier),
    expected: batchExpectedRevision(options),
    events: [],
    bytes: 0,
    timer: undefined,
  };
}

function fill(batch: Batch, messages: readonly BatchAppendReq.ProposedMessage[], maxAppendBytes: number): void {
  for (const message of messages) {
    const event = proposedEvent(message);
    batch.bytes += sizeBytes(event);
    if (batch.bytes > maxAppendBytes) throw new TooLargeError(maxAppendBytes);
    batch.events.push(event);
  }
}

class TooLargeError extends Error {
  readonly maximumBytes: number;

  constructor(maximumBytes: number) {
    super(`Maximum Append Size of ${maximumBytes} Exceeded.`);
    this.maximumBytes = maximumBytes;
  }
}

export function refusalOf(error: unknown): BatchRefusal {
  if (error instanceof TooLargeError) return { kind: "maximumAppendSizeExceeded", maximumBytes: error.maximumBytes };
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof RpcError)) return { kind: "unknown", message };
  return error.code === status.PERMISSION_DENIED ? { kind: "accessDenied" } : { kind: "badRequest", message };
}

function remainingTimeMs(chunk: BatchAppendReq): number {
  const deadline = chunk.getOptions()?.getDeadline();
  if (deadline === undefined) return writeTimeoutMs;
  const deadlineMs = deadline.getSeconds() * 1_000 + deadline.getNanos() / 1_000_000;
  return Math.min(deadlineMs - Date.now(), writeTimeoutMs);
}
