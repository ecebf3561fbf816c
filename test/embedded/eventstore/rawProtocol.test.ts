import { randomUUID } from "node:crypto";
import features from "@eventstore/db-client/generated/serverfeatures_grpc_pb.js";
import type { UUID } from "@eventstore/db-client/generated/shared_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import streamsService from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { AppendResp, ReadResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { type ClientReadableStream, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import fc from "fast-check";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { describe, expect, onTestFinished, test } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import {
  freshDirectory,
  freshStream,
  numbered,
  numberedUpTo,
  removeDirectory,
  storeUnderTest,
} from "./storeUnderTest.ts";

/* What the clients of other languages send and the official JavaScript client never does. */

const under = storeUnderTest();

const rawClient = (url = under.store.url) => {
  const { host } = new URL(url.replace("esdb:", "http:"));
  const client = new streamsService.StreamsClient(host, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
};

const nothing = new shared.Empty();

const identifier = (stream: string) => {
  const message = new shared.StreamIdentifier();
  message.setStreamName(Buffer.from(stream));
  return message;
};

const structuredId = (id: string) => {
  const digits = id.replaceAll("-", "");
  const structured = new shared.UUID.Structured();
  structured.setMostSignificantBits(BigInt.asIntN(64, BigInt(`0x${digits.slice(0, 16)}`)).toString());
  structured.setLeastSignificantBits(BigInt.asIntN(64, BigInt(`0x${digits.slice(16)}`)).toString());
  const message = new shared.UUID();
  message.setStructured(structured);
  return message;
};

const textId = (id: string) => {
  const message = new shared.UUID();
  message.setString(id);
  return message;
};

type Options = InstanceType<typeof streams.ReadReq.Options>;

/** A read of everything in a stream, or of all streams, as `change` makes it. */
function readRequest(stream: string | undefined, change: (options: Options) => void) {
  const options = new streams.ReadReq.Options();
  if (stream === undefined) {
    const all = new streams.ReadReq.Options.AllOptions();
    all.setStart(nothing);
    options.setAll(all);
  } else {
    const one = new streams.ReadReq.Options.StreamOptions();
    one.setStreamIdentifier(identifier(stream));
    one.setStart(nothing);
    options.setStream(one);
  }
  const form = new streams.ReadReq.Options.UUIDOption();
  form.setString(nothing);
  options.setUuidOption(form);
  options.setCount("1000");
  options.setNoFilter(nothing);
  change(options);
  const request = new streams.ReadReq();
  request.setOptions(options);
  return request;
}

const structuredIds = (options: Options) => {
  const form = new streams.ReadReq.Options.UUIDOption();
  form.setStructured(nothing);
  options.setUuidOption(form);
};

/** As clients do that want to be told where a stream begins and ends. */
const compatible = (options: Options) => {
  const control = new streams.ReadReq.Options.ControlOption();
  control.setCompatibility(1);
  options.setControlOption(control);
};

const responsesOf = (call: ClientReadableStream<ReadResp>) =>
  new Promise<ReadResp[]>((resolve, reject) => {
    const responses: ReadResp[] = [];
    call.on("data", (response: ReadResp) => responses.push(response));
    call.once("error", reject);
    call.once("end", () => resolve(responses));
  });

const read = (stream: string | undefined, change: (options: Options) => void) =>
  responsesOf(rawClient().read(readRequest(stream, change)));

const idOf = (response: ReadResp | undefined) => response?.getEvent()?.getEvent()?.getId()?.toObject();

function proposed(id: UUID, type = "Numbered") {
  const message = new streams.AppendReq.ProposedMessage();
  message.setId(id);
  message.getMetadataMap().set("type", type).set("content-type", "application/json");
  message.setData(Buffer.from('{"n":1}'));
  return message;
}

/** Begins an append of the protocol's first form, message by message. */
function beginAppend(stream: string, client = rawClient(), metadata = new Metadata()) {
  let settle = (_: AppendResp | ServiceError): void => {};
  const answer = new Promise<AppendResp | ServiceError>((resolve) => {
    settle = resolve;
  });
  const call = client.append(metadata, (error, response) => settle(error ?? response));
  call.on("error", () => {});
  const options = new streams.AppendReq.Options();
  options.setStreamIdentifier(identifier(stream));
  options.setAny(nothing);
  const first = new streams.AppendReq();
  first.setOptions(options);
  call.write(first);
  const propose = (id: UUID) => {
    const next = new streams.AppendReq();
    next.setProposedMessage(proposed(id));
    return new Promise((resolve) => call.write(next, resolve));
  };
  return { call, propose, answer };
}

describe("a read", () => {
  test("gives ids in the form that was asked for, however they were sent", async () => {
    const ids = fc.sample(fc.uuid(), 100);
    const stream = freshStream();
    const { call, propose, answer } = beginAppend(stream);
    for (const [n, id] of ids.entries()) await propose(n % 2 === 0 ? structuredId(id) : textId(id));
    call.end();
    expect(await answer).toBeInstanceOf(streams.AppendResp);
    const asText = await read(stream, () => {});
    expect(asText.map(idOf)).toEqual(ids.map((id) => textId(id).toObject()));
    const asStructure = await read(stream, structuredIds);
    expect(asStructure.map(idOf)).toEqual(ids.map((id) => structuredId(id).toObject()));
  });

  test("gives the ids of links and subscriptions in the form that was asked for, too", async () => {
    const [target, link] = [randomUUID(), randomUUID()];
    const stream = freshStream();
    const links = freshStream("links");
    await under.client.appendToStream(stream, numbered(1, target));
    await under.client.appendToStream(links, {
      ...numbered(0, link),
      type: "$>",
      contentType: "application/octet-stream",
      data: Buffer.from(`0@${stream}`),
    });
    const call = rawClient().read(
      readRequest(links, (options) => {
        structuredIds(options);
        options.setResolveLinks(true);
        options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
      }),
    );
    call.on("error", () => {});
    onTestFinished(() => call.cancel());
    const resolved = await new Promise<ReadResp>((resolve) => {
      call.on("data", (response: ReadResp) => response.hasEvent() && resolve(response));
    });
    expect(idOf(resolved)).toEqual(structuredId(target).toObject());
    expect(resolved.getEvent()?.getLink()?.getId()?.toObject()).toEqual(structuredId(link).toObject());
  });

  test.each<[string, (options: Options) => void]>([
    ["the form of ids", (options) => options.clearUuidOption()],
    ["a place to begin", (options) => options.getStream()?.clearStart()],
    ["whether there is a filter", (options) => options.clearNoFilter()],
    ["a stream", (options) => options.clearStream()],
    ["a count", (options) => options.clearCount()],
  ])("is refused without %s", async (_, change) => {
    await expect(read(freshStream(), change)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test("begins at the end where that means something", async () => {
    const stream = freshStream();
    await under.client.appendToStream(stream, numberedUpTo(3));
    const backwards = await read(stream, (options) => {
      options.getStream()?.setEnd(nothing);
      options.setReadDirection(1);
    });
    expect(backwards.map((response) => response.getEvent()?.getEvent()?.getStreamRevision())).toEqual(["2", "1", "0"]);
    expect(await read(undefined, (options) => options.getAll()?.setEnd(nothing))).toEqual([]);
    const forwards = read(stream, (options) => options.getStream()?.setEnd(nothing));
    await expect(forwards).rejects.toMatchObject({ code: status.UNKNOWN });
  });

  test("of all streams takes a filter forwards and backwards, whatever its window", async () => {
    const category = `filtered${randomUUID()}`;
    await under.client.appendToStream(`${category}-1`, numberedUpTo(3));
    const filtered = (options: Options) => {
      const expression = new streams.ReadReq.Options.FilterOptions.Expression();
      expression.setPrefixList([category]);
      const filter = new streams.ReadReq.Options.FilterOptions();
      filter.setStreamIdentifier(expression);
      filter.setCount(nothing);
      filter.setCheckpointintervalmultiplier(1);
      options.setFilter(filter);
    };
    const forwards = await read(undefined, filtered);
    const backwards = await read(undefined, (options) => {
      filtered(options);
      options.getAll()?.setEnd(nothing);
      options.setReadDirection(1);
    });
    const revisions = (responses: ReadResp[]) =>
      responses.map((one) => one.getEvent()?.getEvent()?.getStreamRevision());
    expect(revisions(forwards)).toEqual(["0", "1", "2"]);
    expect(revisions(backwards)).toEqual(["2", "1", "0"]);
  });

  test("tells where the stream begins and ends only whom it concerns", async () => {
    const stream = freshStream();
    await under.client.appendToStream(stream, numberedUpTo(5));
    await under.client.setStreamMetadata(stream, { truncateBefore: 3 });
    const told = async (change: (options: Options) => void) =>
      (await read(stream, change)).map((response) => {
        if (response.hasFirstStreamPosition()) return { first: response.getFirstStreamPosition() };
        if (response.hasLastStreamPosition()) return { last: response.getLastStreamPosition() };
        return response.getEvent()?.getEvent()?.getStreamRevision();
      });
    expect(await told(() => {})).toEqual(["3", "4"]);
    expect(await told(compatible)).toEqual(["3", "4", { last: "4" }]);
    const limited = await told((options) => {
      compatible(options);
      options.setCount("1");
      options.setReadDirection(1);
      options.getStream()?.setEnd(nothing);
    });
    expect(limited).toEqual(["4", { last: "4" }]);
    const beyond = await told((options) => {
      compatible(options);
      options.getStream()?.setRevision("9");
    });
    expect(beyond).toEqual([{ first: "3" }, { last: "4" }]);
    await under.client.deleteStream(stream);
    const [absent, ...rest] = await read(stream, compatible);
    expect([absent?.hasStreamNotFound(), rest]).toEqual([true, []]);
  });
});

describe("a batch append", () => {
  /** One whole batch, encoded; `deadlineMs` goes where the protocol has it since 21.10.1. */
  function batch(stream: string, correlationId: UUID, deadlineMs: number): Buffer {
    const options = new streams.BatchAppendReq.Options();
    options.setStreamIdentifier(identifier(stream));
    options.setAny(new empty.Empty());
    const request = new streams.BatchAppendReq();
    request.setCorrelationId(correlationId);
    const message = new streams.BatchAppendReq.ProposedMessage();
    message.setId(structuredId(randomUUID()));
    message.getMetadataMap().set("type", "Numbered").set("content-type", "application/json");
    request.addProposedMessages(message);
    request.setIsFinal(true);
    const duration = Buffer.from([0x08, deadlineMs / 1_000]);
    const encodedOptions = Buffer.concat([options.serializeBinary(), Buffer.from([0x3a, duration.length]), duration]);
    return Buffer.concat([request.serializeBinary(), Buffer.from([0x12, encodedOptions.length]), encodedOptions]);
  }

  const outcomeOf = async (stream: string, correlationId: UUID, deadlineMs: number) => {
    const { path, responseDeserialize } = streamsService.StreamsService.batchAppend;
    const call = rawClient().makeBidiStreamRequest(path, (bytes: Buffer) => bytes, responseDeserialize);
    call.write(batch(stream, correlationId, deadlineMs));
    call.end();
    return new Promise<InstanceType<typeof streams.BatchAppendResp>>((resolve, reject) => {
      call.once("data", resolve);
      call.once("error", reject);
    });
  };

  test("is answered under its correlation id in the form in which it came", async () => {
    const correlationId = structuredId(randomUUID());
    const answer = await outcomeOf(freshStream(), correlationId, 5_000);
    expect(answer.getCorrelationId()?.toObject()).toEqual(correlationId.toObject());
    expect(answer.getSuccess()?.getCurrentRevision()).toBe("0");
  });

  test("has no longer than the duration it is sent with", async () => {
    const stream = freshStream();
    const answer = await outcomeOf(stream, structuredId(randomUUID()), 0);
    expect(answer.getError()?.getDetails()?.getTypeName()).toBe("event_store.client.Timeout");
    const [absent] = await read(stream, () => {});
    expect(absent?.hasStreamNotFound()).toBe(true);
  });
});

describe("the server", () => {
  test("is the leader that a call may require", async () => {
    const metadata = new Metadata();
    metadata.set("requires-leader", "true");
    const { call, propose, answer } = beginAppend(freshStream(), rawClient(), metadata);
    await propose(structuredId(randomUUID()));
    call.end();
    expect(await answer).toBeInstanceOf(streams.AppendResp);
  });

  test("lets every method be found under the name of its service", async () => {
    const { host } = new URL(under.store.url.replace("esdb:", "http:"));
    const client = new features.ServerFeaturesClient(host, credentials.createInsecure());
    onTestFinished(() => client.close());
    const names = await new Promise<string[]>((resolve, reject) => {
      client.getSupportedMethods(nothing, (error, supported) => {
        if (error) reject(error);
        else
          resolve(supported.getMethodsList().map((method) => `/${method.getServiceName()}/${method.getMethodName()}`));
      });
    });
    const served = Object.values(streamsService.StreamsService).map(({ path }) => path.toLowerCase());
    expect(names).toEqual(expect.arrayContaining(served));
  });

  test("refuses an append that is still being sent when it stops, as one to be sent again", async () => {
    const directory = freshDirectory();
    onTestFinished(() => removeDirectory(directory));
    const store = await startEventStore({ directory });
    const client = rawClient(store.url);
    const stream = freshStream();
    const { propose, answer } = beginAppend(stream, client);
    await propose(structuredId(randomUUID()));
    // The answer to a call that was made later says that the server knows the earlier one.
    const later = beginAppend(freshStream(), client);
    later.call.end();
    await later.answer;
    await store.stop();
    expect(await answer).toMatchObject({ code: status.UNAVAILABLE, details: "Server Is Not Ready" });
    const next = await startEventStore({ directory });
    onTestFinished(() => next.stop());
    const [absent] = await responsesOf(rawClient(next.url).read(readRequest(stream, () => {})));
    expect(absent?.hasStreamNotFound()).toBe(true);
  });
});
