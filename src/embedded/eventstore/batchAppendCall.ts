import type { UUID } from "@eventstore/db-client/generated/shared_pb.js";
import type { BatchAppendReq, BatchAppendResp } from "@eventstore/db-client/generated/streams_pb.js";
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { RpcError } from "./errors.ts";
import { type ExpectedRevision, type ProposedEvent, sizeBytes } from "./event.ts";
import { batchExpectedRevision, proposedEvent, uuid, writableStreamName } from "./requests.ts";
import { type BatchAddress, type BatchRefusal, batchAppended, batchRefused } from "./responses.ts";
import { encode } from "./streamsDefinition.ts";
import type { Writer } from "./writer.ts";

const writeTimeoutMs = 2_000;

export type BatchAppendCall = ServerDuplexStream<BatchAppendReq, Buffer>;

type Batch = {
  readonly address: BatchAddress;
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: ProposedEvent[];
  bytes: number;
  timer: NodeJS.Timeout | undefined;
};

/**
 * Serves one BatchAppend stream, on which many appends come in chunks, interleaved. Each is answered exactly once under
 * its correlation id; nothing that goes wrong with one ends the stream, because the client would fail all of them.
 */
export function createBatchAppendHandler(writer: Writer, maxAppendBytes: number, onFailure: (error: unknown) => void) {
  return (call: BatchAppendCall): void => {
    const open = new Map<string, Batch>();
    let undecided = 0;
    let isEnded = false;

    const endWhenAnswered = () => {
      if (isEnded && undecided === 0) call.end();
    };

    const answer = (response: BatchAppendResp) => {
      if (!call.cancelled) call.write(encode(response));
    };

    const drop = (key: string) => {
      clearTimeout(open.get(key)?.timer);
      open.delete(key);
    };

    const receive = (chunk: BatchAppendReq) => {
      const correlationId = chunk.getCorrelationId();
      if (correlationId === undefined) return;
      const key = uuid(correlationId);
      try {
        const batch = open.get(key) ?? begin(key, correlationId, chunk);
        if (batch === undefined) return;
        add(batch, chunk.getProposedMessagesList());
        if (chunk.getIsFinal()) submit(key, batch);
        else batch.timer ??= setTimeout(() => refuse(key, batch.address, { kind: "timeout" }), remainingMs(chunk));
      } catch (error) {
        const stream = open.get(key)?.address.stream ?? chunk.getOptions()?.getStreamIdentifier();
        refuse(key, { correlationId, stream }, refusalOf(error));
      }
    };

    const begin = (key: string, correlationId: UUID, chunk: BatchAppendReq): Batch | undefined => {
      const options = chunk.getOptions();
      if (options === undefined) return undefined;
      const stream = writableStreamName(options.getStreamIdentifier());
      const address = { correlationId, stream: options.getStreamIdentifier() };
      if (remainingMs(chunk) <= 0) {
        refuse(key, address, { kind: "timeout" });
        return undefined;
      }
      const batch = {
        address,
        stream,
        expected: batchExpectedRevision(options),
        events: [],
        bytes: 0,
        timer: undefined,
      };
      open.set(key, batch);
      return batch;
    };

    const add = (batch: Batch, messages: readonly BatchAppendReq.ProposedMessage[]) => {
      for (const message of messages) {
        const event = proposedEvent(message);
        batch.bytes += sizeBytes(event);
        if (batch.bytes > maxAppendBytes) throw new TooLargeError(maxAppendBytes);
        batch.events.push(event);
      }
    };

    const refuse = (key: string, address: BatchAddress, refusal: BatchRefusal) => {
      drop(key);
      answer(batchRefused(address, refusal));
    };

    const submit = (key: string, { address, stream, expected, events }: Batch) => {
      drop(key);
      undecided += 1;
      writer
        .write({ kind: "append", stream, expected, events })
        .then(
          (outcome) =>
            answer(
              outcome.kind === "written"
                ? batchAppended(address, outcome)
                : batchRefused(address, outcome.kind === "streamDeleted" ? outcome : { ...outcome, expected }),
            ),
          (error: unknown) => {
            onFailure(error);
            answer(batchRefused(address, refusalOf(error)));
          },
        )
        .finally(() => {
          undecided -= 1;
          endWhenAnswered();
        });
    };

    call.on("data", receive);
    call.on("end", () => {
      isEnded = true;
      endWhenAnswered();
    });
    call.on("cancelled", () => {
      for (const key of [...open.keys()]) drop(key);
    });
  };
}

class TooLargeError extends Error {
  readonly maximumBytes: number;

  constructor(maximumBytes: number) {
    super(`Maximum Append Size of ${maximumBytes} Exceeded.`);
    this.maximumBytes = maximumBytes;
  }
}

function refusalOf(error: unknown): BatchRefusal {
  if (error instanceof TooLargeError) return { kind: "maximumAppendSizeExceeded", maximumBytes: error.maximumBytes };
  if (error instanceof RpcError) {
    return error.code === status.PERMISSION_DENIED
      ? { kind: "accessDenied" }
      : { kind: "badRequest", message: error.details };
  }
  return { kind: "unknown", message: error instanceof Error ? error.message : String(error) };
}

function remainingMs(chunk: BatchAppendReq): number {
  const deadline = chunk.getOptions()?.getDeadline();
  if (deadline === undefined) return writeTimeoutMs;
  const deadlineMs = deadline.getSeconds() * 1_000 + deadline.getNanos() / 1_000_000;
  return Math.min(deadlineMs - Date.now(), writeTimeoutMs);
}
