import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Writer } from "../streams/writer.ts";
import type { WriteOutcome } from "../streams/writes.ts";
import { type CompleteBatch, createBatchAssembly, refusalOf } from "./batchAssembly.ts";
import type { BatchChunk } from "./batchChunk.ts";
import { batchAppended, batchRefused } from "./batchResponses.ts";
import type { Finish } from "./callGuard.ts";
import { createOutgoing } from "./outgoing.ts";

const undecidedBytesMax = 16 * 1024 * 1024;
/** What an append weighs besides its events. */
const batchOverheadBytes = 2_048;

type BatchAppendCall = ServerDuplexStream<BatchChunk, Buffer>;

/**
 * Serves one BatchAppend stream. Each append on it is answered exactly once under its correlation id; nothing that goes
 * wrong with one ends the stream, because the client would fail all of them.
 */
export function createBatchAppendHandler(writer: Writer, maxAppendBytes: number, onFailure: (error: unknown) => void) {
  return (call: BatchAppendCall, beforeEnd: (finish: Finish) => void): void => {
    const outgoing = createOutgoing(call);
    let undecided = 0;
    let undecidedBytes = 0;
    let isUnread = false;
    let isEnded = false;
    let finishing: PromiseWithResolvers<void> | undefined;

    // Nothing more is taken from a caller who leaves its answers lying, or who is far ahead of the disk.
    const regulate = () => {
      const isTooMuch = isUnread || undecidedBytes > undecidedBytesMax || finishing !== undefined;
      if (isTooMuch && !call.isPaused()) call.pause();
      else if (!isTooMuch && call.isPaused()) call.resume();
    };

    const answer = (response: Buffer) => {
      const slowness = call.writable ? outgoing.send(response) : undefined;
      if (slowness === undefined || isUnread) return;
      isUnread = true;
      regulate();
      void slowness.then(() => {
        isUnread = false;
        regulate();
      });
    };

    const endWhenAnswered = () => {
      if (undecided > 0) return;
      finishing?.resolve();
      if (isEnded) call.end();
    };

    const write = async (batch: CompleteBatch) => {
      undecided += 1;
      undecidedBytes += batch.bytes + batchOverheadBytes;
      regulate();
      try {
        const { stream, expected, events } = batch;
        answer(responseTo(batch, await writer.write({ kind: "append", stream, expected, events })));
      } catch (error) {
        onFailure(error);
        answer(batchRefused(batch.address, refusalOf(error)));
      }
      undecided -= 1;
      undecidedBytes -= batch.bytes + batchOverheadBytes;
      regulate();
      endWhenAnswered();
    };

    const assembly = createBatchAssembly(maxAppendBytes, {
      complete: write,
      refused: (address, refusal) => answer(batchRefused(address, refusal)),
    });
    beforeEnd(() => {
      finishing ??= Promise.withResolvers();
      regulate();
      endWhenAnswered();
      return finishing.promise;
    });
    call.on("data", assembly.receive);
    call.on("end", () => {
      isEnded = true;
      endWhenAnswered();
    });
    for (const ending of ["cancelled", "error", "close"]) call.on(ending, assembly.discard);
  };
}

function responseTo({ address, expected }: CompleteBatch, outcome: WriteOutcome): Buffer {
  if (outcome.kind === "written") return batchAppended(address, outcome);
  return batchRefused(address, outcome.kind === "streamDeleted" ? outcome : { ...outcome, expected });
}
