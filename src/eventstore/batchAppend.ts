import { randomUUID } from "node:crypto";
import type { EventStoreDBClient } from "@eventstore/db-client";
import type { UUID } from "@eventstore/db-client/generated/shared_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import services from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { BatchAppendResp } from "@eventstore/db-client/generated/streams_pb.js";
import messages from "@eventstore/db-client/generated/streams_pb.js";
import type { ServiceError } from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import timestamp from "google-protobuf/google/protobuf/timestamp_pb.js";
import { AppendAnswerLost, type Appended, noStream } from "./store.ts";

/** An event as it goes over the wire: what its bytes mean is for its writer to know. */
export type ProposedEvent = { id: string; type: string; isJson: boolean; data: Uint8Array; metadata: Uint8Array };

/** A stream that was closed for good, an event too large, no permission: sending it again would not help. */
class AppendRefused extends Error {
  override readonly name = "AppendRefused";
}

export type BatchAppend = {
  append(stream: string, events: readonly ProposedEvent[], expected: bigint): Promise<Appended | "conflict">;
  close(): void;
};

type Waiting = { resolve(outcome: Appended | "conflict"): void; reject(error: Error): void; timer: NodeJS.Timeout };

/**
 * One BatchAppend call on the client's own connection, over which any number of appends travel at once.
 *
 * The client has such a call as well. It keeps all appends of the process in one table: an error of one connection
 * fails those of every other, and the answers that then still come in crash the process. It also writes every event
 * three times, to measure it and as base64.
 *
 * @param onEnd hears once when the call is over; everything still waiting has then been told that its answer is lost.
 */
export const openBatchAppend = async (
  client: EventStoreDBClient,
  options: { timeoutMs: number; onEnd: () => void },
): Promise<BatchAppend> => {
  const waiting = new Map<string, Waiting>();
  const call = await openCall.call(client);

  const lose = (id: string, reason: string, cause?: unknown) => {
    const { reject, timer } = waiting.get(id) ?? {};
    clearTimeout(timer);
    waiting.delete(id);
    reject?.(new AppendAnswerLost(reason, { cause }));
  };
  let isOver = false;
  const end = (cause?: ServiceError) => {
    if (isOver) return;
    isOver = true;
    options.onEnd();
    for (const id of waiting.keys()) lose(id, "the connection ended before the answer came", cause);
  };

  call.on("error", end);
  call.on("end", () => end());
  call.on("data", (answer: BatchAppendResp) => {
    const id = textOf(answer.getCorrelationId());
    const asked = waiting.get(id);
    // An answer may come after its append was given up.
    if (!asked) return;
    waiting.delete(id);
    clearTimeout(asked.timer);
    const outcome = outcomeOf(answer);
    if (outcome instanceof Error) asked.reject(outcome);
    else asked.resolve(outcome);
  });

  return {
    append: (stream, events, expected) =>
      new Promise((resolve, reject) => {
        if (isOver) return reject(new AppendAnswerLost("the connection had ended"));
        const id = randomUUID();
        const timer = setTimeout(() => lose(id, `no answer within ${options.timeoutMs} ms`), options.timeoutMs);
        waiting.set(id, { resolve, reject, timer });
        call.write(requestOf(id, { stream, events, expected, deadline: new Date(Date.now() + options.timeoutMs) }));
      }),
    close() {
      call.cancel();
      end();
    },
  };
};

/** As one of the client's own functions: its connection, its credentials, its reconnecting. */
function openCall(this: EventStoreDBClient) {
  return this.GRPCStreamCreator(services.StreamsClient, "batchAppend", (client) =>
    client.batchAppend(...this.callArguments({}, { deadline: Infinity })),
  )();
}

type Request = { stream: string; events: readonly ProposedEvent[]; expected: bigint; deadline: Date };

/** After its deadline the server does not begin the append any more. */
const requestOf = (id: string, { stream, events, expected, deadline }: Request) => {
  const options = new messages.BatchAppendReq.Options()
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(stream, "utf8")))
    .setDeadline(timestamp.Timestamp.fromDate(deadline));
  if (expected === noStream) options.setNoStream(new empty.Empty());
  else options.setStreamPosition(expected.toString());
  return new messages.BatchAppendReq()
    .setCorrelationId(new shared.UUID().setString(id))
    .setOptions(options)
    .setProposedMessagesList(events.map(proposed))
    .setIsFinal(true);
};

const proposed = ({ id, type, isJson, data, metadata }: ProposedEvent) => {
  const message = new messages.BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(id))
    .setData(data)
    .setCustomMetadata(metadata);
  const contentType = isJson ? "application/json" : "application/octet-stream";
  message.getMetadataMap().set("type", type).set("content-type", contentType);
  return message;
};

const outcomeOf = (answer: BatchAppendResp): Appended | "conflict" | Error => {
  const success = answer.getSuccess();
  if (success) {
    return {
      revision: BigInt(success.getCurrentRevision()),
      position: BigInt(success.getPosition()?.getCommitPosition() ?? -1),
    };
  }
  const error = answer.getError();
  const kind = error?.getDetails()?.getTypeName().split(".").at(-1);
  if (kind === "WrongExpectedVersion") return "conflict";
  const message = `the event store refused an append: ${kind} ${error?.getMessage()}`;
  return kind === "Timeout" || kind === "Unknown" ? new AppendAnswerLost(message) : new AppendRefused(message);
};

/** Servers give an id back as text or as two signed 64-bit numbers. */
const textOf = (id: UUID | undefined): string => {
  const structured = id?.getStructured();
  if (!structured) return id?.getString() ?? "";
  const halves = [structured.getMostSignificantBits(), structured.getLeastSignificantBits()];
  const hex = halves.map((half) => BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};
