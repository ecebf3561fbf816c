import persistent from "@eventstore/db-client/generated/persistent_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import { describe, expect, test } from "vitest";
import { affinityOf } from "../../../../src/embedded/eventstore/persistent/affinity.ts";
import { createRequest } from "../../../../src/embedded/eventstore/persistent/requests.ts";

const { CreateReq } = persistent;
const end = "18446744073709551615";

const identifier = (name: string) => {
  const message = new shared.StreamIdentifier();
  message.setStreamName(Buffer.from(name));
  return message;
};

/** A request for the group "g" of the stream "order-1", with what clients have always sent. */
const request = () => {
  const settings = new CreateReq.Settings();
  settings.setRevision("5");
  const options = new CreateReq.Options();
  options.setGroupName("g");
  options.setStreamIdentifier(identifier("order-1"));
  options.setSettings(settings);
  const message = new CreateReq();
  message.setOptions(options);
  return { message, options, settings };
};

describe("a request for a group of a stream", () => {
  test("says where it starts in its settings, as older clients do", () => {
    expect(createRequest(request().message)).toMatchObject({
      source: "order-1",
      group: "g",
      settings: { startFrom: 5, strategy: "DispatchToSingle" },
    });
  });

  test("has the greatest revision for the end", () => {
    const { message, settings } = request();
    settings.setRevision(end);
    expect(createRequest(message).settings.startFrom).toBe("end");
  });

  test("has no other revision that is negative where numbers have a sign", () => {
    const { message, settings } = request();
    settings.setRevision(String(BigInt(end) - 1n));
    expect(() => createRequest(message)).toThrow("There is no revision -2.");
  });

  test("says where it starts beside the stream, as clients did in between", () => {
    const { message, options } = request();
    const stream = new CreateReq.StreamOptions();
    stream.setStreamIdentifier(identifier("order-2"));
    stream.setStart(new shared.Empty());
    options.setStream(stream);
    expect(createRequest(message)).toMatchObject({ source: "order-2", settings: { startFrom: "start" } });
  });

  test("may count time in ticks of a ten-thousandth of a millisecond", () => {
    const { message, settings } = request();
    settings.setMessageTimeoutTicks("300000000");
    settings.setCheckpointAfterTicks("15000");
    expect(createRequest(message).settings).toMatchObject({ messageTimeoutMs: 30_000, checkpointAfterMs: 1 });
  });

  test("may name its strategy, and then the number beside the name means nothing", () => {
    const { message, settings } = request();
    settings.setNamedConsumerStrategy(CreateReq.ConsumerStrategy.PINNED);
    settings.setConsumerStrategy("PinnedByCorrelation");
    expect(createRequest(message).settings.strategy).toBe("PinnedByCorrelation");
    settings.setConsumerStrategy("Whoever");
    expect(() => createRequest(message)).toThrow("There is no consumer strategy Whoever.");
  });

  test("needs options and settings", () => {
    expect(() => createRequest(new CreateReq())).toThrow("The request has no options or settings.");
  });
});

describe("a request for a group of all streams", () => {
  test("has a prepare position that does not lie behind its commit position", () => {
    const { message, options } = request();
    const position = new CreateReq.Position();
    position.setCommitPosition("7");
    position.setPreparePosition("8");
    const all = new CreateReq.AllOptions();
    all.setPosition(position);
    options.setAll(all);
    expect(() => createRequest(message)).toThrow("Prepare position 8 lies behind commit position 7.");
    position.setPreparePosition("7");
    expect(createRequest(message)).toMatchObject({ source: "$all", settings: { startFrom: 7 } });
  });
});

describe("messages are alike", () => {
  const event = (stream: string, type: string, data: string, metadata: string) => ({
    id: "e",
    type,
    isJson: true,
    data: Buffer.from(data),
    metadata: Buffer.from(metadata),
    position: 1,
    stream,
    revision: 0,
    createdMs: 0,
  });
  const placed = event("order-1", "OrderPlaced", "{}", '{"$correlationId":"checkout"}');
  const link = event("category", "$>", "0@order-1", "");

  test("by their stream, which for a link is that of its target", () => {
    expect(affinityOf.Pinned({ event: placed, link })).toBe("order-1");
    expect(affinityOf.Pinned({ event: link, link: undefined })).toBe("order-1");
    expect(affinityOf.Pinned({ event: undefined, link })).toBe("order-1");
  });

  test("by what they belong to, or by their stream when they do not say", () => {
    expect(affinityOf.PinnedByCorrelation({ event: placed, link: undefined })).toBe("checkout");
    const silent = event("order-2", "OrderPlaced", "{}", "no json");
    expect(affinityOf.PinnedByCorrelation({ event: silent, link: undefined })).toBe("order-2");
  });
});
