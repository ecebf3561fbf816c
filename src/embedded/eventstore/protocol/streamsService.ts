import { setImmediate as nextTurn } from "node:timers/promises";
import type {
  AppendReq,
  AppendResp,
  DeleteReq,
  DeleteResp,
  TombstoneReq,
  TombstoneResp,
} from "@eventstore/db-client/generated/streams_pb.js";
import type { ServerReadableStream } from "@grpc/grpc-js";
import {
  brokenOff,
  invalidArgument,
  maximumAppendSizeExceeded,
  streamDeleted,
  wrongExpectedVersion,
} from "../errors.ts";
import { type ExpectedRevision, type ProposedEvent, sizeBytes } from "../event.ts";
import type { Writer } from "../streams/writer.ts";
import type { WriteOutcome } from "../streams/writes.ts";
import { eventProposal, expectedRevision, proposedEvent, writableStreamName } from "./requests.ts";
import { appended, appendRefused, deleted, tombstoned } from "./responses.ts";

type Written = Extract<WriteOutcome, { kind: "written" }>;

type StreamsWrites = {
  append(call: ServerReadableStream<AppendReq, AppendResp>): Promise<AppendResp>;
  delete(request: DeleteReq): Promise<DeleteResp>;
  tombstone(request: TombstoneReq): Promise<TombstoneResp>;
};

export function createStreamsWrites(writer: Writer, maxAppendBytes: number): StreamsWrites {
  return {
    async append(call) {
      const { stream, expected, events } = await receiveAppend(call, maxAppendBytes);
      // Who breaks off seems to have sent everything: its messages end. That it has gone is told a turn later.
      await nextTurn();
      if (call.cancelled) throw brokenOff();
      const outcome = await writer.write({ kind: "append", stream, expected, events });
      if (outcome.kind === "written") return appended(outcome);
      if (outcome.kind === "streamDeleted") throw streamDeleted(stream);
      return appendRefused(expected, outcome.current);
    },
    async delete(request) {
      return deleted(await remove("delete", request.getOptions()));
    },
    async tombstone(request) {
      return tombstoned(await remove("tombstone", request.getOptions()));
    },
  };

  async function remove(
    kind: "delete" | "tombstone",
    options: DeleteReq.Options | TombstoneReq.Options | undefined,
  ): Promise<Written> {
    if (options === undefined) throw invalidArgument("The request has no options.");
    const stream = writableStreamName(options.getStreamIdentifier());
    const expected = expectedRevision(options);
    const outcome = await writer.write({ kind, stream, expected });
    if (outcome.kind === "written") return outcome;
    throw outcome.kind === "streamDeleted"
      ? streamDeleted(stream)
      : wrongExpectedVersion(stream, expected, outcome.current);
  }
}

type ReceivedAppend = {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly ProposedEvent[];
};

async function receiveAppend(call: AsyncIterable<AppendReq>, maxAppendBytes: number): Promise<ReceivedAppend> {
  let target: Omit<ReceivedAppend, "events"> | undefined;
  const events: ProposedEvent[] = [];
  let bytes = 0;
  for await (const message of call) {
    if (target === undefined) {
      target = appendTarget(message.getOptions());
      continue;
    }
    const proposed = message.getProposedMessage();
    if (proposed === undefined) throw invalidArgument("The options of an append come first and once.");
    const event = proposedEvent(eventProposal(proposed));
    bytes += sizeBytes(event);
    if (bytes > maxAppendBytes) throw maximumAppendSizeExceeded(maxAppendBytes);
    events.push(event);
  }
  if (target === undefined) throw invalidArgument("The append is empty.");
  return { ...target, events };
}

function appendTarget(options: AppendReq.Options | undefined): Omit<ReceivedAppend, "events"> {
  if (options === undefined) throw invalidArgument("The options of an append come first.");
  return { stream: writableStreamName(options.getStreamIdentifier()), expected: expectedRevision(options) };
}
