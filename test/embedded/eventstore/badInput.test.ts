import { randomUUID } from "node:crypto";
import { once } from "node:events";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import { StreamsClient } from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { BatchAppendResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { Client, type ServiceError, status } from "@grpc/grpc-js";
import timestamp from "google-protobuf/google/protobuf/timestamp_pb.js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  appended,
  appendMessages,
  bareClient,
  batchAppended,
  firstChunk,
  identifier,
  nextChunk,
  type Proposed,
} from "./rawRequests.ts";
import { everythingIn, type Stored } from "./storedEvents.ts";
import { freshStream, type Numbered, numbered, numbersOf, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();
const streamsClient = () => bareClient(under.store, StreamsClient);

let before: Stored[];

beforeEach(async () => {
  before = await everythingIn(under.client);
});

// Whatever was sent, it has written nothing, and who comes next is served.
afterEach(async () => {
  expect(await everythingIn(under.client)).toEqual(before);
  expect((await under.client.appendToStream(freshStream("next"), numbered(1))).success).toBe(true);
});

const megabytes = (count: number) => new Uint8Array(count * 1_048_576);

describe("an event", () => {
  const cases: [string, Proposed, number, string][] = [
    ["metadata beyond the bound", { metadata: megabytes(2) }, status.INVALID_ARGUMENT, "MaximumAppendSizeExceeded"],
    ["data far beyond it", { data: megabytes(16) }, status.INVALID_ARGUMENT, "MaximumAppendSizeExceeded"],
    ["a type beyond it", { type: "T".repeat(1_048_577) }, status.INVALID_ARGUMENT, "MaximumAppendSizeExceeded"],
    ["an empty type", { type: "" }, status.UNKNOWN, "BadRequest"],
    ["an empty id", { id: "" }, status.UNKNOWN, "BadRequest"],
    ["an id that is no UUID", { id: "0123" }, status.UNKNOWN, "BadRequest"],
    ["a nil id", { id: "00000000-0000-0000-0000-000000000000" }, status.UNKNOWN, "BadRequest"],
  ];

  test.each(cases)("with %s is refused, alone and in a batch", async (_, event, code, refusal) => {
    const client = streamsClient();
    const whole = [{}, event, {}];
    expect(await appended(client, appendMessages("bad", whole))).toMatchObject({ code });
    const answer = await batchAppended(client, firstChunk("bad", whole, true));
    expect(answer.getError()?.getDetails()?.getTypeName()).toBe(`event_store.client.${refusal}`);
  });

  test("without the properties that it must have is refused, alone and in a batch", async () => {
    const messages = appendMessages("bad", [{}]);
    messages[1]?.getProposedMessage()?.getMetadataMap().clear();
    expect(await appended(streamsClient(), messages)).toMatchObject({ code: status.INVALID_ARGUMENT });
    const chunk = firstChunk("bad", [{}], true);
    chunk.getProposedMessagesList()[0]?.getMetadataMap().clear();
    expect((await batchAppended(streamsClient(), chunk)).hasError()).toBe(true);
  });

  test("larger than a message may be is refused with the call it is in", async () => {
    const event = { data: megabytes(20) };
    const code = status.RESOURCE_EXHAUSTED;
    expect(await appended(streamsClient(), appendMessages("bad", [event]))).toMatchObject({ code });
    await expect(batchAppended(streamsClient(), firstChunk("bad", [event], true))).rejects.toMatchObject({ code });
  });
});

describe("a stream name", () => {
  test.each([
    ["is empty", ""],
    ["is no text", Buffer.from([0x61, 0xff, 0xfe])],
    ["is text that is cut off", Buffer.from("ü").subarray(0, 1)],
    ["is longer than an error could name", "n".repeat(4_097)],
    ["is a megabyte long", "n".repeat(1_048_576)],
  ])("that %s is refused, alone and in a batch", async (_, name) => {
    expect(await appended(streamsClient(), appendMessages(name, [{}]))).toMatchObject({ code: expect.any(Number) });
    const answer = await batchAppended(streamsClient(), firstChunk(name, [{}], true));
    expect(answer.getError()?.getDetails()?.getTypeName()).toBe("event_store.client.BadRequest");
  });

  test("of the greatest length is named in an error without harm to the caller's other calls", async () => {
    const name = "ü".repeat(2_048);
    const others = Array.from({ length: 20 }, () =>
      numbersOf(under.client.readStream<Numbered>("absent")).catch(({ type }) => type),
    );
    await expect(under.client.deleteStream(name)).rejects.toMatchObject({ type: "wrong-expected-version" });
    await expect(under.client.deleteStream("n".repeat(100_000))).rejects.toMatchObject({ type: "unknown" });
    expect(await Promise.all(others)).toEqual(others.map(() => "stream-not-found"));
  });
});

describe("an append", () => {
  const [options, event] = appendMessages("bad", [{}]);
  const unexpecting = new streams.AppendReq();
  const nameOnly = new streams.AppendReq.Options();
  nameOnly.setStreamIdentifier(identifier("bad"));
  unexpecting.setOptions(nameOnly);

  test.each([
    ["of nothing", []],
    ["without its options", [event]],
    ["with its options last", [event, options]],
    ["with its options twice", [options, options, event]],
    ["that expects nothing", [unexpecting, event]],
    ["of an empty message", [new streams.AppendReq()]],
  ])("%s is refused", async (_, messages) => {
    const sent = messages.filter((message) => message !== undefined);
    expect(await appended(streamsClient(), sent)).toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

test("an append to all streams is refused", async () => {
  const all = "$all";
  expect(await appended(streamsClient(), appendMessages(all, [{}]))).toMatchObject({ code: status.PERMISSION_DENIED });
  const answer = await batchAppended(streamsClient(), firstChunk(all, [{}], true));
  expect(answer.getError()?.getDetails()?.getTypeName()).toBe("event_store.client.AccessDenied");
});

test("chunks that belong to no batch are passed over, and a batch that does not end is given up once", async () => {
  const call = streamsClient().batchAppend();
  const answers: BatchAppendResp[] = [];
  call.on("data", (answer: BatchAppendResp) => answers.push(answer));
  const unfinished = firstChunk("bad", [{}], false);
  unfinished.getOptions()?.setDeadline(timestamp.Timestamp.fromDate(new Date(Date.now() + 300)));
  const id = unfinished.getCorrelationId()?.getString() ?? "";
  for (const chunk of [nextChunk(randomUUID(), [{}], true), unfinished]) call.write(chunk);
  await expect.poll(() => answers.length, { timeout: 20_000 }).toBe(1);
  call.write(nextChunk(id, [{}], true));
  call.end();
  await once(call, "end");
  expect(answers.map((answer) => answer.getCorrelationId()?.getString())).toEqual([id]);
  expect(answers[0]?.getError()?.getDetails()?.getTypeName()).toBe("event_store.client.Timeout");
});

describe("what is no message", () => {
  const asIs = (bytes: Buffer) => bytes;

  const answerTo = (method: string, bytes: Buffer) =>
    new Promise<ServiceError>((resolve, reject) => {
      const path = `/event_store.client.streams.Streams/${method}`;
      const call = bareClient(under.store, Client).makeBidiStreamRequest(path, asIs, asIs);
      call.on("error", resolve);
      call.on("data", () => reject(new Error("It was answered.")));
      call.write(bytes);
    });

  test.each(["Read", "Append", "BatchAppend", "Delete", "Tombstone"])("is refused by %s", async (method) => {
    for (const bytes of [
      [0xff, 0xff, 0xff, 0xff, 0x07],
      [0x0a, 0x7f],
      [0x0a, 0x02, 0x08],
    ]) {
      expect(await answerTo(method, Buffer.from(bytes))).toMatchObject({ code: status.INTERNAL });
    }
  });

  test("ends its call, and the batch that was being put together there is not written", async () => {
    const good = firstChunk("bad", [{}], false).serializeBinary();
    const path = "/event_store.client.streams.Streams/BatchAppend";
    const call = bareClient(under.store, Client).makeBidiStreamRequest(path, asIs, asIs);
    const ended = new Promise<ServiceError>((resolve) => call.on("error", resolve));
    call.on("data", () => {});
    call.write(Buffer.from(good));
    call.write(Buffer.from([0xff, 0xff]));
    expect(await ended).toMatchObject({ code: status.INTERNAL });
  });
});

test("a read or a deletion that says too little is refused", async () => {
  const client = streamsClient();
  const refusalOfRead = (request: InstanceType<typeof streams.ReadReq>) =>
    new Promise<ServiceError>((resolve) =>
      client
        .read(request)
        .on("data", () => {})
        .on("error", resolve),
    );
  const withoutTarget = new streams.ReadReq();
  withoutTarget.setOptions(new streams.ReadReq.Options());
  for (const request of [new streams.ReadReq(), withoutTarget]) {
    expect(await refusalOfRead(request)).toMatchObject({ code: status.INVALID_ARGUMENT });
  }
  const emptyDeletion = new streams.DeleteReq();
  const nameless = new streams.DeleteReq();
  const expectingAny = new streams.DeleteReq.Options();
  expectingAny.setAny(new shared.Empty());
  nameless.setOptions(expectingAny);
  for (const request of [emptyDeletion, nameless]) {
    const refusal = await new Promise<ServiceError | null>((resolve) => client.delete(request, resolve));
    expect(refusal?.code).toBeGreaterThan(status.OK);
  }
});
