import { status } from "@grpc/grpc-js";
import { RpcError, unknownError } from "../errors.ts";
import { type ExpectedRevision, type ProposedEvent, sizeBytes } from "../event.ts";
import type { BatchChunk } from "./batchChunk.ts";
import type { BatchAddress, BatchRefusal } from "./batchResponses.ts";
import { type EventProposal, proposedEvent, requiredExpectation, writableStreamNameIn } from "./requests.ts";

const writeTimeoutMs = 2_000;
const unfinishedMax = 100;

export type CompleteBatch = {
  readonly address: BatchAddress;
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly ProposedEvent[];
  readonly bytes: number;
};

type Batch = CompleteBatch & { readonly events: ProposedEvent[]; bytes: number; timer: NodeJS.Timeout | undefined };

type BatchListener = {
  /** Called at most once for a batch, and then with nothing more of it to come. */
  complete(batch: CompleteBatch): void;
  refused(address: BatchAddress, refusal: BatchRefusal): void;
};

type BatchAssembly = { receive(chunk: BatchChunk): void; discard(): void };

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

  const add = (key: string, correlationId: Buffer, chunk: BatchChunk) => {
    const batch = open.get(key) ?? begin(correlationId, chunk);
    if (batch === undefined) return;
    const remainingMs = batch.timer === undefined ? remainingTimeMs(chunk) : writeTimeoutMs;
    if (remainingMs <= 0) return refuse(key, batch.address, { kind: "timeout" });
    fill(batch, chunk.proposals, maxAppendBytes);
    if (chunk.isFinal) {
      close(key);
      listener.complete(batch);
      return;
    }
    if (!open.has(key) && open.size >= unfinishedMax) throw unknownError("Too many appends are unfinished.");
    batch.timer ??= setTimeout(() => refuse(key, batch.address, { kind: "timeout" }), remainingMs);
    open.set(key, batch);
  };

  return {
    receive(chunk) {
      if (chunk.correlationId === undefined) return;
      const { text, encoded } = chunk.correlationId;
      try {
        add(text, encoded, chunk);
      } catch (error) {
        const stream = open.get(text)?.address.stream ?? chunk.options?.streamIdentifier;
        refuse(text, { correlationId: encoded, stream }, refusalOf(error));
      }
    },
    discard: () => {
      for (const key of [...open.keys()]) close(key);
    },
  };
}

// Only the first chunk has options; a chunk of a batch that is not open has nothing to belong to.
function begin(correlationId: Buffer, { options }: BatchChunk): Batch | undefined {
  if (options === undefined) return undefined;
  return {
    address: { correlationId, stream: options.streamIdentifier },
    stream: writableStreamNameIn(options.streamName),
    expected: requiredExpectation(options.expected),
    events: [],
    bytes: 0,
    timer: undefined,
  };
}

function fill(batch: Batch, proposals: readonly EventProposal[], maxAppendBytes: number): void {
  for (const proposal of proposals) {
    const event = proposedEvent(proposal);
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

function remainingTimeMs({ options }: BatchChunk): number {
  const deadlineMs = options?.deadlineMs;
  return deadlineMs === undefined ? writeTimeoutMs : Math.min(deadlineMs - Date.now(), writeTimeoutMs);
}
