import type { ServerDuplexStream } from "@grpc/grpc-js";
import { type CompleteBatch, createBatchAssembly, refusalOf } from "./batchAssembly.ts";
import type { BatchChunk } from "./batchChunk.ts";
import { batchAppended, batchRefused } from "./batchResponses.ts";
import { createOutgoing } from "./outgoing.ts";
import type { Writer } from "./writer.ts";
import type { WriteOutcome } from "./writes.ts";

type BatchAppendCall = ServerDuplexStream<BatchChunk, Buffer>;

/**
 * Serves one BatchAppend stream. Each append on it is answered exactly once under its correlation id; nothing that goes
 * wrong with one ends the stream, because the client would fail all of them.
 */
export function createBatchAppendHandler(writer: Writer, maxAppendBytes: number, onFailure: (error: unknown) => void) {
  return (call: BatchAppendCall): void => {
    const outgoing = createOutgoing(call);
    let undecided = 0;
    let isEnded = false;

    // Nothing more is taken from a caller who leaves its answers lying.
    const answer = (response: Buffer) => {
      const slowness = call.writable ? outgoing.send(response) : undefined;
      if (slowness === undefined || call.isPaused()) return;
      call.pause();
      void slowness.then(() => call.resume());
    };

    const endWhenAnswered = () => {
      if (isEnded && undecided === 0) call.end();
    };

    const write = async (batch: CompleteBatch) => {
      undecided += 1;
      try {
        const { stream, expected, events } = batch;
        answer(responseTo(batch, await writer.write({ kind: "append", stream, expected, events })));
      } catch (error) {
        onFailure(error);
        answer(batchRefused(batch.address, refusalOf(error)));
      }
      undecided -= 1;
      endWhenAnswered();
    };

    const assembly = createBatchAssembly(maxAppendBytes, {
      complete: write,
      refused: (address, refusal) => answer(batchRefused(address, refusal)),
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
