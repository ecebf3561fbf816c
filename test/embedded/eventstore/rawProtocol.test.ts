import { randomUUID } from "node:crypto";
import persistentServices from "@eventstore/db-client/generated/persistent_grpc_pb.js";
import type { ReadResp } from "@eventstore/db-client/generated/persistent_pb.js";
import persistent from "@eventstore/db-client/generated/persistent_pb.js";
import features from "@eventstore/db-client/generated/serverfeatures_grpc_pb.js";
import type { UUID } from "@eventstore/db-client/generated/shared_pb.js";
import services from "@eventstore/db-client/generated/streams_grpc_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { Metadata, status } from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { describe, expect, onTestFinished, test } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import { beginAppend, readBy, structuredId } from "./otherClients.ts";
import { bareClient, identifier, nothing } from "./rawRequests.ts";
import { directoryOfTest, freshStream, numbered, startedStore, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();

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
    const { path, responseDeserialize } = services.StreamsService.batchAppend;
    const client = bareClient(under.store, services.StreamsClient);
    const call = client.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, responseDeserialize);
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
    const [absent] = await readBy(bareClient(under.store, services.StreamsClient), stream);
    expect(absent?.hasStreamNotFound()).toBe(true);
  });
});

describe("a persistent subscription", () => {
  test("is made, consumed and answered as others do it: by name, in ticks and with ids as bits", async () => {
    const ids = [randomUUID(), randomUUID()];
    const stream = freshStream();
    await under.client.appendToStream(
      stream,
      ids.map((id, n) => numbered(n, id)),
    );
    const client = bareClient(under.store, persistentServices.PersistentSubscriptionsClient);
    await new Promise((resolve, reject) => {
      client.create(creation(stream), (error, answer) => (error ? reject(error) : resolve(answer)));
    });
    const call = client.read();
    call.on("error", () => {});
    onTestFinished(() => call.cancel());
    const deliveries: ReadResp[] = [];
    call.on("data", (response: ReadResp) => response.hasEvent() && deliveries.push(response));
    call.write(membership(stream));
    await expect.poll(() => deliveries.length, { timeout: 20_000 }).toBe(1);
    const ack = new persistent.ReadReq.Ack();
    for (const id of ids) ack.addIds(structuredId(id));
    const answer = new persistent.ReadReq();
    answer.setAck(ack);
    call.write(answer);
    await expect.poll(() => deliveries.length, { timeout: 20_000 }).toBe(2);
    const delivered = deliveries.map((delivery) => delivery.getEvent()?.getEvent()?.getId()?.toObject());
    expect(delivered).toEqual(ids.map((id) => structuredId(id).toObject()));
    const { settings } = await under.client.getPersistentSubscriptionToStreamInfo(stream, "others");
    expect(settings).toMatchObject({ consumerStrategyName: "PinnedByCorrelation", messageTimeout: 15_000 });
    expect(settings).toMatchObject({ checkPointAfter: 700, startFrom: "start" });
  });

  function creation(stream: string) {
    const settings = new persistent.CreateReq.Settings();
    settings.setConsumerStrategy("PinnedByCorrelation");
    settings.setMessageTimeoutTicks("150000000");
    settings.setCheckpointAfterTicks("7000000");
    settings.setMaxRetryCount(1);
    settings.setMinCheckpointCount(1);
    settings.setMaxCheckpointCount(10);
    settings.setLiveBufferSize(10);
    settings.setReadBatchSize(5);
    settings.setHistoryBufferSize(10);
    const place = new persistent.CreateReq.StreamOptions();
    place.setStreamIdentifier(identifier(stream));
    place.setStart(nothing);
    const options = new persistent.CreateReq.Options();
    options.setStream(place);
    options.setGroupName("others");
    options.setSettings(settings);
    const request = new persistent.CreateReq();
    request.setOptions(options);
    return request;
  }

  function membership(stream: string) {
    const form = new persistent.ReadReq.Options.UUIDOption();
    form.setStructured(nothing);
    const options = new persistent.ReadReq.Options();
    options.setStreamIdentifier(identifier(stream));
    options.setGroupName("others");
    options.setBufferSize(1);
    options.setUuidOption(form);
    const request = new persistent.ReadReq();
    request.setOptions(options);
    return request;
  }
});

describe("the server", () => {
  test("is the leader that a call may require", async () => {
    const metadata = new Metadata();
    metadata.set("requires-leader", "true");
    const { call, propose, answer } = beginAppend(
      bareClient(under.store, services.StreamsClient),
      freshStream(),
      metadata,
    );
    await propose(structuredId(randomUUID()));
    call.end();
    expect(await answer).toBeInstanceOf(streams.AppendResp);
  });

  test("lets every method be found under the name of its service", async () => {
    const client = bareClient(under.store, features.ServerFeaturesClient);
    const names = await new Promise<string[]>((resolve, reject) => {
      client.getSupportedMethods(nothing, (error, supported) => {
        if (error) reject(error);
        else
          resolve(supported.getMethodsList().map((method) => `/${method.getServiceName()}/${method.getMethodName()}`));
      });
    });
    const served = Object.values(services.StreamsService).map(({ path }) => path.toLowerCase());
    expect(names).toEqual(expect.arrayContaining(served));
  });

  test("refuses an append that is still being sent when it stops, as one to be sent again", async () => {
    const directory = directoryOfTest();
    const store = await startEventStore({ directory });
    const client = bareClient(store, services.StreamsClient);
    const stream = freshStream();
    const { propose, answer } = beginAppend(client, stream);
    await propose(structuredId(randomUUID()));
    // The answer to a call that was made later says that the server knows the earlier one.
    const later = beginAppend(client, freshStream());
    later.call.end();
    await later.answer;
    await store.stop();
    expect(await answer).toMatchObject({ code: status.UNAVAILABLE, details: "Server Is Not Ready" });
    const next = await startedStore({ directory });
    const [absent] = await readBy(bareClient(next, services.StreamsClient), stream);
    expect(absent?.hasStreamNotFound()).toBe(true);
  });
});
