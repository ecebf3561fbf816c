import { once } from "node:events";
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, createServer as createMuteServer, type Server, type Socket } from "node:net";
import { AccessDeniedError, StreamDeletedError, UnavailableError } from "@eventstore/db-client";
import { expect, onTestFinished, test, vi } from "vitest";
import { isUnavailability } from "../../../src/eventstore/connection.ts";
import { EventStoreUnavailable } from "../../../src/eventstore/store.ts";
import { framed } from "../../../src/eventstore/wire/frames.ts";
import { openSession, type Place } from "../../../src/eventstore/wire/session.ts";

const never = 2 ** 30;

type Answer = (call: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** Something that speaks HTTP/2, though it need not be an event store. */
const serving = async (answer: Answer) => {
  const server = createServer();
  const sockets = new Set<Socket>();
  const sessions: ServerHttp2Session[] = [];
  server.on("stream", (call, headers) =>
    answer(
      call.on("error", () => undefined),
      headers,
    ),
  );
  server.on("session", (session) => void sessions.push(session));
  server.on("connection", (socket) => void sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  const onEnd = vi.fn();
  return { session: await openSession(placeOf(server), onEnd), onEnd, sessions };
};

const placeOf = (server: Pick<Server, "address">): Place => ({
  address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
  tls: undefined,
  headers: { "connection-name": "draws" },
  keepAlive: { intervalMs: never, timeoutMs: never },
});

const ok = { ":status": 200, "content-type": "application/grpc" };
const bytes = Buffer.from("a message");

const closing = (trailers: Record<string, string>) => (call: ServerHttp2Stream) => {
  call.respond(ok, { waitForTrailers: true });
  call.on("wantTrailers", () => call.sendTrailers(trailers));
  call.end(framed([bytes, bytes]));
};

const heard = async (answers: AsyncIterable<readonly Buffer[]>) => (await Array.fromAsync(answers)).flat();
const failing = async (answers: AsyncIterable<readonly Buffer[]>): Promise<unknown> => heard(answers).catch((e) => e);

test("answers come whole and in order, and end where the server says that all is well", async () => {
  const { session } = await serving(closing({ "grpc-status": "0" }));
  expect(await heard(session.ask("Read", bytes))).toEqual([bytes, bytes]);
});

test("a call says which method it asks, and what, and who asks", async () => {
  const asked = Promise.withResolvers<unknown>();
  const { session } = await serving((call, headers) => {
    call.once("data", (said) => asked.resolve({ ...headers, said }));
    closing({ "grpc-status": "0" })(call);
  });
  await heard(session.ask("Read", bytes));
  expect(await asked.promise).toMatchObject({
    ...{ ":path": "/event_store.client.streams.Streams/Read", "content-type": "application/grpc", te: "trailers" },
    ...{ "connection-name": "draws", said: framed([bytes]) },
  });
});

test("a conversation goes on until it is ended: what is said within one turn goes out together", async () => {
  const { session } = await serving((call) => {
    call.respond(ok, { waitForTrailers: true });
    call.on("wantTrailers", () => call.sendTrailers({ "grpc-status": "0" }));
    call.on("data", (said: Buffer) => call.write(framed([said])));
    call.on("end", () => call.end());
  });
  const { say, end, answers } = session.converse("BatchAppend");
  say(bytes);
  say(bytes);
  end();
  expect(await heard(answers)).toEqual([framed([bytes, bytes])]);
});

test.each([
  [
    "that a stream was closed for good",
    { "grpc-status": "9", exception: "stream-deleted", "stream-name": "draw-1" },
    StreamDeletedError,
  ],
  ["who may not", { "grpc-status": "7", exception: "access-denied" }, AccessDeniedError],
  ["that it is shutting down", { "grpc-status": "14", "grpc-message": "back%20soon%" }, UnavailableError],
])("a server's words are an error of the client's: %s", async (_, trailers, error) => {
  const { session } = await serving(closing(trailers));
  expect(await failing(session.ask("Read", bytes))).toBeInstanceOf(error);
  const only = await serving((call) => call.respond({ ...ok, ...trailers }, { endStream: true }));
  expect(await failing(only.session.ask("Read", bytes))).toBeInstanceOf(error);
});

test.each([
  ["a proxy whose server is gone", (call: ServerHttp2Stream) => call.respond({ ":status": 503 }, { endStream: true })],
  ["a call that is broken off", (call: ServerHttp2Stream) => call.close(2)],
  ["a call that ends without a word", (call: ServerHttp2Stream) => call.respond(ok, { endStream: true })],
  ["a connection that breaks", (call: ServerHttp2Stream) => call.session?.destroy()],
])("%s is an outage", async (_, answer) => {
  const { session } = await serving(answer);
  expect(await failing(session.ask("Read", bytes))).toSatisfy(isUnavailability);
});

test("a call that is broken off says why, and the server hears of it", async () => {
  const closed = Promise.withResolvers<unknown>();
  const { session } = await serving((call) => {
    call.respond(ok);
    call.write(framed([bytes]));
    call.once("close", () => closed.resolve(call.rstCode));
  });
  const answers = session.ask("Read", bytes);
  const silent = new EventStoreUnavailable("silent");
  const listen = async () => {
    for await (const _ of answers) answers.breakOff(silent);
  };
  await expect(listen()).rejects.toBe(silent);
  expect(await closed.promise).toBe(constants.NGHTTP2_CANCEL);
});

test("a connection that hangs is noticed, though it does not break", async () => {
  const mute = createMuteServer((socket) => socket.resume().on("error", () => undefined));
  await once(mute.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void mute.close());
  const onEnd = vi.fn();
  const keepAlive = { intervalMs: 20, timeoutMs: 20 };
  const session = await openSession({ ...placeOf(mute), keepAlive }, onEnd);
  expect(await failing(session.ask("Read", bytes))).toBeInstanceOf(EventStoreUnavailable);
  expect(onEnd).toHaveBeenCalled();
});

test("a server that is going away is asked nothing any more, but finishes what it was asked", async () => {
  const asked = Promise.withResolvers<ServerHttp2Stream>();
  const { session, onEnd, sessions } = await serving(asked.resolve);
  const answers = heard(session.ask("Read", bytes));
  const call = await asked.promise;
  for (const theirs of sessions) theirs.goaway();
  await expect.poll(() => onEnd.mock.calls.length).toBeGreaterThan(0);
  expect(() => session.ask("Read", bytes)).toThrow(EventStoreUnavailable);
  closing({ "grpc-status": "0" })(call);
  expect(await answers).toEqual([bytes, bytes]);
});

test("that a session has ended is told once, however it ends", async () => {
  const { session, onEnd, sessions } = await serving(() => undefined);
  await expect.poll(() => sessions.length).toBe(1);
  for (const theirs of sessions) theirs.goaway();
  await expect.poll(() => onEnd.mock.calls.length).toBe(1);
  session.retire();
  expect(onEnd).toHaveBeenCalledOnce();
});

test("where nobody listens there is no session", async () => {
  const place = {
    address: "127.0.0.1:1",
    tls: undefined,
    headers: {},
    keepAlive: { intervalMs: never, timeoutMs: never },
  };
  await expect(openSession(place, () => undefined)).rejects.toThrow(EventStoreUnavailable);
});
