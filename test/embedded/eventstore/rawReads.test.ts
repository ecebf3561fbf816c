import { randomUUID } from "node:crypto";
import services from "@eventstore/db-client/generated/streams_grpc_pb.js";
import type { ReadResp } from "@eventstore/db-client/generated/streams_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import { status } from "@grpc/grpc-js";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { beginAppend, readBy, structuredId, structuredIds } from "./otherClients.ts";
import { bareClient, nothing, type ReadOptions, readRequest, uuid } from "./rawRequests.ts";
import { freshStream, numbered, numberedUpTo, storeUnderTest } from "./storeUnderTest.ts";

const under = storeUnderTest();

const rawClient = () => bareClient(under.store, services.StreamsClient);

const read = (stream: string | undefined, change?: (options: ReadOptions) => void) =>
  readBy(rawClient(), stream, change);

const idOf = (response: ReadResp | undefined) => response?.getEvent()?.getEvent()?.getId()?.toObject();

/** As clients do that want to be told where a stream begins and ends. */
const compatible = (options: ReadOptions) => {
  const control = new streams.ReadReq.Options.ControlOption();
  control.setCompatibility(1);
  options.setControlOption(control);
};

describe("a read", () => {
  test("gives ids in the form that was asked for, however they were sent", async () => {
    const ids = fc.sample(fc.uuid(), 100);
    const stream = freshStream();
    const { call, propose, answer } = beginAppend(rawClient(), stream);
    for (const [n, id] of ids.entries()) await propose(n % 2 === 0 ? structuredId(id) : uuid(id));
    call.end();
    expect(await answer).toBeInstanceOf(streams.AppendResp);
    const asText = await read(stream);
    expect(asText.map(idOf)).toEqual(ids.map((id) => uuid(id).toObject()));
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

  test.each<[string, (options: ReadOptions) => void]>([
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
    const filtered = (options: ReadOptions) => {
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
    const told = async (change: (options: ReadOptions) => void) =>
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
