import { randomUUID } from "node:crypto";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import streamsService from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { BatchAppendResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import timestamp from "google-protobuf/google/protobuf/timestamp_pb.js";
import { describe, expect, onTestFinished, test } from "vitest";
import { freshStream, type Numbered, numbered, numberedUpTo, numbersOf, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();

const alone = { credentials: { username: "admin", password: "changeit" } };

const address = () => new URL(under.store.url.replace("esdb:", "http:")).host;

/** A client below the official one, for what that one cannot be made to send. */
const bareClient = <C extends Client>(
  make: new (address: string, channel: ReturnType<typeof credentials.createInsecure>) => C,
): C => {
  const client = new make(address(), credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
};

describe("an append", () => {
  test.each([
    ["an id that is no UUID", "somewhere", () => numbered(1, "one")],
    ["all streams as its stream", "$all", () => numbered(1)],
  ])("with %s is refused either way, and the next one is not", async (_, stream, event) => {
    for (const options of [{}, alone]) {
      await expect(under.client.appendToStream(stream, event(), options)).rejects.toBeInstanceOf(Error);
      expect((await under.client.appendToStream(freshStream(), numbered(1), options)).success).toBe(true);
    }
  });
});

test("an append whose caller vanishes before its end leaves nothing behind", async () => {
  for (const sever of ["cancel", "disconnect"] as const) {
    const stream = freshStream();
    const client = bareClient(streamsService.StreamsClient);
    const call = client.append(() => {});
    call.on("error", () => {});
    const options = new streams.AppendReq.Options();
    const identifier = new shared.StreamIdentifier();
    identifier.setStreamName(Buffer.from(stream));
    options.setStreamIdentifier(identifier);
    options.setAny(new shared.Empty());
    const first = new streams.AppendReq();
    first.setOptions(options);
    await new Promise((resolve) => call.write(first, resolve));
    for (const event of numberedUpTo(50)) {
      const proposed = new streams.AppendReq.ProposedMessage();
      const id = new shared.UUID();
      id.setString(event.id);
      proposed.setId(id);
      proposed.getMetadataMap().set("type", event.type).set("content-type", "application/json");
      const next = new streams.AppendReq();
      next.setProposedMessage(proposed);
      await new Promise((resolve) => call.write(next, resolve));
    }
    if (sever === "cancel") call.cancel();
    else client.getChannel().close();
    // Enough calls after it that the server has dealt with the end of the first one.
    for (const n of [1, 2, 3]) await under.client.appendToStream(freshStream(), numbered(n), alone);
    await expect(numbersOf(under.client.readStream<Numbered>(stream))).rejects.toMatchObject({
      type: "stream-not-found",
    });
  }
});

describe("a batch append stream", () => {
  const chunk = (id: string, fill: (request: InstanceType<typeof streams.BatchAppendReq>) => void) => {
    const request = new streams.BatchAppendReq();
    const correlation = new shared.UUID();
    correlation.setString(id);
    request.setCorrelationId(correlation);
    fill(request);
    return request;
  };

  test("passes over chunks that belong to nothing, and gives up once on a batch that does not end", async () => {
    const call = bareClient(streamsService.StreamsClient).batchAppend();
    const answers: BatchAppendResp[] = [];
    call.on("data", (answer: BatchAppendResp) => answers.push(answer));
    const unknown = randomUUID();
    const unfinished = randomUUID();
    call.write(chunk(unknown, (request) => request.setIsFinal(true)));
    call.write(
      chunk(unfinished, (request) => {
        const options = new streams.BatchAppendReq.Options();
        const identifier = new shared.StreamIdentifier();
        identifier.setStreamName(Buffer.from(freshStream()));
        options.setStreamIdentifier(identifier);
        options.setAny(new empty.Empty());
        options.setDeadline(timestamp.Timestamp.fromDate(new Date(Date.now() + 300)));
        request.setOptions(options);
      }),
    );
    await expect.poll(() => answers.length, { timeout: 20_000 }).toBe(1);
    call.write(chunk(unfinished, (request) => request.setIsFinal(true)));
    call.end();
    await new Promise((resolve) => call.once("end", resolve));
    expect(answers.map((answer) => answer.getCorrelationId()?.getString())).toEqual([unfinished]);
    expect(answers[0]?.getError()?.getDetails()?.getTypeName()).toBe("event_store.client.Timeout");
  });
});

describe("the server", () => {
  test("survives garbage on its port", async () => {
    await fetch(`http://${address()}/nonsense`).catch(() => undefined);
    const garbage = new Client(address(), credentials.createInsecure());
    onTestFinished(() => garbage.close());
    const asIs = (bytes: Buffer) => bytes;
    const error = await new Promise<ServiceError | null>((resolve) => {
      const path = "/event_store.client.streams.Streams/Delete";
      garbage.makeUnaryRequest(path, asIs, asIs, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07]), (refusal) =>
        resolve(refusal),
      );
    });
    expect(error?.code).toBeGreaterThan(0);
    expect((await under.client.appendToStream(freshStream(), numbered(1))).success).toBe(true);
  });
});
