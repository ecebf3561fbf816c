import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { begin, frame, openSession } from "./rawHttp2.ts";
import { addressOf, appendMessages, firstChunk, readRequest, subscriptionToAll } from "./rawRequests.ts";
import {
  freshStream,
  type Numbered,
  numbered,
  numberedUpTo,
  numbersOf,
  soon,
  storeUnderTest,
} from "./storeUnderTest.ts";

const under = storeUnderTest();

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Every way of being served still works, in the process that has always been there. */
async function expectServed(pid: number): Promise<void> {
  const stream = freshStream("served");
  await under.client.appendToStream(stream, numberedUpTo(3));
  expect(await numbersOf(under.client.readStream<Numbered>(stream))).toEqual([0, 1, 2]);
  expect(under.store.pid).toBe(pid);
}

async function openSocket(): Promise<Socket> {
  const socket = connect(Number(addressOf(under.store).split(":")[1]), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  return socket;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const frameHeader = (length: number, type: number, flags: number, stream: number) =>
  Buffer.from([length >> 16, (length >> 8) & 0xff, length & 0xff, type, flags, 0, 0, 0, stream]);

describe("a connection that sends", () => {
  test.each([
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["a TLS greeting", Buffer.from("1603010200010001fc0303", "hex")],
    ["a mebibyte of anything", Buffer.alloc(1_048_576, 0xa5)],
    ["anything after the preface", Buffer.concat([preface, Buffer.alloc(65_536, 0xff)])],
    ["a frame that is too large", Buffer.concat([preface, settings, frameHeader(0xffffff, 0, 0, 1)])],
    ["headers that are none", Buffer.concat([preface, settings, frameHeader(8, 1, 4, 1), Buffer.alloc(8, 0xff)])],
    ["data for a call that is not there", Buffer.concat([preface, settings, frameHeader(0, 0, 1, 5)])],
  ])("%s is ended, and nobody else is", async (_, bytes) => {
    const { pid } = under.store;
    const socket = await openSocket();
    const closed = once(socket, "close");
    socket.write(bytes);
    await closed;
    await expectServed(pid);
  });

  test("half a frame and then nothing keeps nobody else waiting", async () => {
    const { pid } = under.store;
    const half = Buffer.concat([preface, settings, frameHeader(16_384, 1, 4, 1).subarray(0, 5)]);
    for (let n = 0; n < 200; n += 1) (await openSocket()).write(half);
    await expectServed(pid);
  });

  test("calls and takes each back at once is ended", async () => {
    const { pid } = under.store;
    const session = await openSession(under.store);
    for (let calls = 0; !session.destroyed; calls += 1) {
      const call = begin(session, "Read");
      call.write(frame(readRequest("anything")));
      call.close(constants.NGHTTP2_CANCEL);
      if (calls % 100 === 0) await nextTurn();
    }
    await expectServed(pid);
  });

  test("twenty thousand pings is answered, and so is everybody else", async () => {
    const { pid } = under.store;
    const session = await openSession(under.store);
    let answered = 0;
    for (let sent = 0; sent < 20_000; sent += 1) {
      session.ping(() => {
        answered += 1;
      });
      if (sent % 5 === 0) await nextTurn();
    }
    await expectServed(pid);
    await expect.poll(() => answered, soon).toBe(20_000);
  });

  test("thousands of calls that it leaves open, and goes, leaves room for others all the while", async () => {
    const { pid } = under.store;
    const session = await openSession(under.store);
    for (let calls = 0; calls < 12_000; calls += 1) {
      begin(session, "Append").write(Buffer.from([0, 0, 0, 0, 9, 1]));
      if (calls % 100 === 0) await nextTurn();
    }
    await expectServed(pid);
    session.destroy();
    await expectServed(pid);
  });
});

describe("a client that vanishes", () => {
  const large = () => ({ data: new Uint8Array(50_000) });

  test("in the middle of reading leaves the others reading", async () => {
    const { pid } = under.store;
    const stream = freshStream("large");
    await under.client.appendToStream(stream, numberedUpTo(5_000));
    for (let n = 0; n < 20; n += 1) {
      const session = await openSession(under.store);
      const call = begin(session, "Read");
      call.end(frame(readRequest(stream)));
      await once(call, "data");
      session.destroy();
    }
    await expectServed(pid);
  });

  test("while it is subscribed is forgotten", async () => {
    const { pid } = under.store;
    for (let n = 0; n < 20; n += 1) {
      const session = await openSession(under.store);
      const call = begin(session, "Read");
      call.end(frame(subscriptionToAll()));
      await once(call, "data");
      session.destroy();
    }
    await expectServed(pid);
  });

  const anAppend = (stream: string) => appendMessages(stream, [large(), large()]);
  const aBatch = (stream: string) => [firstChunk(stream, [large(), large()], false)];
  const losesItsConnection = (session: ClientHttp2Session) => session.destroy();
  const takesBackItsCall = (_: ClientHttp2Session, call: ClientHttp2Stream) => call.close(constants.NGHTTP2_CANCEL);

  // Taking back an append is no such case: Node's HTTP/2 then says first that this was all, and then that it was not.
  test.each([
    ["in the middle of an append", "Append", anAppend, losesItsConnection],
    ["in the middle of a batch", "BatchAppend", aBatch, losesItsConnection],
    ["by taking back a batch", "BatchAppend", aBatch, takesBackItsCall],
  ])("%s leaves nothing of it behind", async (_, method, messages, depart) => {
    const { pid } = under.store;
    const stream = freshStream("half");
    for (let n = 0; n < 20; n += 1) {
      const session = await openSession(under.store);
      const call = begin(session, method);
      for (const message of messages(stream)) {
        await new Promise((resolve) => call.write(frame(message), resolve));
      }
      depart(session, call);
    }
    await expectServed(pid);
    await expect(numbersOf(under.client.readStream<Numbered>(stream))).rejects.toMatchObject({
      type: "stream-not-found",
    });
  });

  test("before its batches are answered leaves each of them whole or not there", async () => {
    const { pid } = under.store;
    const stream = freshStream("whole");
    for (let n = 0; n < 20; n += 1) {
      const session = await openSession(under.store);
      const call = begin(session, "BatchAppend");
      const chunks = Array.from({ length: 20 }, () => frame(firstChunk(stream, [{}, {}, {}], true)));
      await new Promise((resolve) => call.write(Buffer.concat(chunks), resolve));
      session.destroy();
    }
    await expectServed(pid);
    await under.client.appendToStream(stream, numbered(1));
    let events = 0;
    for await (const _event of under.client.readStream(stream)) events += 1;
    expect(events % 3).toBe(1);
  });
});
