import { once } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import { buffer } from "node:stream/consumers";
import { binaryEvent, type EventStoreDBClient, START } from "@eventstore/db-client";
import { StreamsClient } from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { BatchAppendResp } from "@eventstore/db-client/generated/streams_pb.js";
import { expect, onTestFinished, test } from "vitest";
import { begin, frame, memoryOf, openSession } from "./rawHttp2.ts";
import { bareClient, firstChunk, nextChunk, readRequest } from "./rawRequests.ts";
import { everythingIn } from "./storedEvents.ts";
import {
  clientOf,
  directoryOfTest,
  freshStream,
  type Numbered,
  numbered,
  numbersOf,
  startedStore,
  storeUnderTest,
} from "./storeUnderTest.ts";

const under = storeUnderTest();
const soon = { timeout: 50_000, interval: 50 };

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

/** The ids that a subscription to all streams is given, as they come. */
function idsGivenTo(client: EventStoreDBClient): string[] {
  const ids: string[] = [];
  const subscription = client.subscribeToAll({ fromPosition: START });
  subscription.on("data", ({ event }) => event !== undefined && ids.push(event.id));
  onTestFinished(() => subscription.unsubscribe());
  return ids;
}

test("a thousand subscribers are each given everything, in order, while others append", async () => {
  const clients = upTo(4).map(() => clientOf(under.store));
  const writing = (async () => {
    for (const n of upTo(60)) await under.client.appendToStream(`writer-${n % 5}`, numbered(n));
  })();
  const given = upTo(250).flatMap(() => clients.map(idsGivenTo));
  await writing;
  const all = (await everythingIn(under.client)).map(({ id }) => id);
  for (const ids of given) await expect.poll(() => ids.length, soon).toBe(all.length);
  for (const ids of given) expect(ids).toEqual(all);
  expect(memoryOf(under.store)).toBeLessThan(600);
});

test("a thousand readers who do not read cost little, keep nobody else waiting and miss nothing", async () => {
  const stream = freshStream("large");
  const page = () => upTo(10).map(() => binaryEvent({ type: "Scanned", data: Buffer.alloc(100_000, 7) }));
  for (const _ of upTo(10)) await under.client.appendToStream(stream, page());
  const memoryBefore = memoryOf(under.store);
  const session = await openSession(under.store);
  const calls = upTo(1_000).map(() => begin(session, "Read").end(frame(readRequest(stream))));
  await Promise.all(calls.map((call) => once(call, "response")));
  const quick = freshStream("quick");
  await under.client.appendToStream(quick, numbered(1));
  expect(await numbersOf(under.client.readStream<Numbered>(quick))).toEqual([1]);
  expect(memoryOf(under.store) - memoryBefore).toBeLessThan(1_000);
  const [first, last] = [calls.at(0), calls.at(-1)];
  for (const call of [first, last]) expect(call && (await bytesOf(call))).toBeGreaterThan(10_000_000);
});

async function bytesOf(call: ClientHttp2Stream): Promise<number> {
  let bytes = 0;
  for await (const chunk of call) bytes += chunk.length;
  return bytes;
}

test("who leaves the answers to its batches lying is listened to no further, until it reads them", async () => {
  const batches = 60_000;
  const session = await openSession(under.store, 0);
  const call = begin(session, "BatchAppend");
  const refused = frame(firstChunk("", [], true));
  call.end(Buffer.concat(upTo(batches).map(() => refused)));
  for (const n of upTo(200)) await under.client.appendToStream(freshStream(), numbered(n));
  expect(call.writableFinished).toBe(false);
  session.settings({ initialWindowSize: 65_535 });
  expect(messagesIn(await buffer(call))).toBe(batches);
});

test("a caller may send an append of the greatest size before any of it is read", async () => {
  const session = await openSession(under.store);
  const call = begin(session, "BatchAppend");
  await expect.poll(() => session.remoteSettings.initialWindowSize, soon).toBe(1_048_576);
  await expect.poll(() => session.state.remoteWindowSize, soon).toBeGreaterThanOrEqual(1_048_576);
  call.end();
});

test("of the appends that one caller begins and does not finish, a hundred are kept", async () => {
  const client = bareClient(under.store, StreamsClient);
  const call = client.batchAppend();
  const stream = freshStream();
  const answer = once(call, "data");
  const chunks = upTo(101).map(() => firstChunk(stream, [{}], false));
  for (const chunk of chunks) call.write(chunk);
  const [refused] = await answer;
  expect(refused.getError()?.getMessage()).toBe("Too many appends are unfinished.");
  expect(refused.getCorrelationId()?.getString()).toBe(chunks.at(-1)?.getCorrelationId()?.getString());
  const finished = once(call, "data");
  call.write(nextChunk(chunks[0]?.getCorrelationId()?.getString() ?? "", [], true));
  const [appended] = await finished;
  expect(appended.getSuccess()?.getCurrentRevision()).toBe("0");
  call.end();
  await once(call, "end");
});

test("300 MB of appends that one caller does not wait for are kept in order, without as much memory", async () => {
  const appends = 600;
  const store = await startedStore({ directory: directoryOfTest() });
  const call = bareClient(store, StreamsClient).batchAppend();
  const stream = freshStream("wide");
  const answers: BatchAppendResp[] = [];
  call.on("data", (answer: BatchAppendResp) => answers.push(answer));
  const data = Buffer.alloc(500_000, 7);
  for (const _ of upTo(appends)) call.write(firstChunk(stream, [{ data }], true));
  call.end();
  await once(call, "end");
  const revisions = answers.map((answer) => Number(answer.getSuccess()?.getCurrentRevision()));
  expect(revisions).toEqual(upTo(appends));
  expect(memoryOf(store)).toBeLessThan(400);
});

function messagesIn(bytes: Buffer): number {
  let count = 0;
  for (let offset = 0; offset < bytes.length; offset += 5 + bytes.readUInt32BE(offset + 1)) count += 1;
  return count;
}
