import { describe, expect, test } from "vitest";
import type { StrategyName } from "../../../../src/embedded/eventstore/persistent/consumerStrategy.ts";
import { createDeliveries, type Deliveries } from "../../../../src/embedded/eventstore/persistent/deliveries.ts";
import { messageAt, parkedAt } from "./messages.ts";

const strategy: StrategyName = "RoundRobin";

const settings = {
  strategy,
  maxRetryCount: 2,
  messageTimeoutMs: 100,
  readBatchSize: 20,
  historyBufferSize: 50,
};

/** A group from the start, with one consumer that takes up to ten messages and events 0, 1, 2, … for it. */
const given = (events: number, changes: Partial<typeof settings> = {}): Deliveries => {
  const deliveries = createDeliveries({ ...settings, ...changes }, -1);
  deliveries.join("ann", 10);
  for (let sequence = 0; sequence < events; sequence += 1) deliveries.add(messageAt(sequence));
  return deliveries;
};

const taken = (deliveries: Deliveries, nowMs = 0) =>
  deliveries.take(nowMs, 100).map(({ message, consumer }) => `${consumer} ${message.id} ${message.retries}`);

describe("handing out", () => {
  test("follows the order of events, up to what a consumer takes without answering", () => {
    const deliveries = given(12);
    expect(taken(deliveries)).toHaveLength(10);
    expect(taken(deliveries)).toEqual([]);
    deliveries.acknowledge(["event-3"]);
    expect(taken(deliveries)).toEqual(["ann event-10 0"]);
  });

  test("ends at the bound it is given, and goes on there", () => {
    const deliveries = given(5);
    expect(deliveries.take(0, 2).map(({ message }) => message.sequence)).toEqual([0, 1]);
    expect(deliveries.take(0, 2).map(({ message }) => message.sequence)).toEqual([2, 3]);
  });

  test("gives nothing to a consumer whose connection is slow", () => {
    const deliveries = given(1);
    deliveries.setReady("ann", false);
    expect(deliveries.wanted).toBe(0);
    expect(taken(deliveries)).toEqual([]);
    deliveries.setReady("ann", true);
    expect(taken(deliveries)).toEqual(["ann event-0 0"]);
  });

  test("asks for more only while somebody can take it, and for no more than the group may hold", () => {
    expect(given(0).wanted).toBe(20);
    expect(given(45).wanted).toBe(5);
    const full = given(10);
    taken(full);
    expect(full.wanted).toBe(0);
    expect(createDeliveries(settings, -1).wanted).toBe(0);
  });

  test("keeps a second event of the same id back until the first one is answered", () => {
    const deliveries = given(0);
    deliveries.add(messageAt(0, { id: "twin" }));
    deliveries.add(messageAt(1, { id: "twin" }));
    deliveries.add(messageAt(2));
    expect(taken(deliveries)).toEqual(["ann twin 0", "ann event-2 0"]);
    deliveries.acknowledge(["twin"]);
    expect(deliveries.mark.sequence).toBe(0);
    expect(taken(deliveries)).toEqual(["ann twin 0"]);
  });

  test("repeats before it goes on, in the order of events, and replays parked ones behind the repeats", () => {
    const deliveries = given(3);
    taken(deliveries);
    deliveries.add(messageAt(3));
    deliveries.add(parkedAt(0));
    deliveries.add(parkedAt(1));
    deliveries.refuse("ann", ["event-2", "event-0"], "retry", "");
    expect(taken(deliveries)).toEqual([
      "ann event-0 1",
      "ann event-2 1",
      "ann parked-0 0",
      "ann parked-1 0",
      "ann event-3 0",
    ]);
  });
});

describe("an answer", () => {
  test("is taken from whoever gives it when it says that a message is handled", () => {
    const deliveries = given(1);
    taken(deliveries);
    deliveries.expire(1_000);
    deliveries.join("bob", 1);
    taken(deliveries);
    expect(deliveries.acknowledge(["event-0", "unknown"])).toHaveLength(1);
    expect(deliveries.counts).toEqual({ fresh: 0, retrying: 0, inFlight: 0 });
  });

  test("is taken only from the consumer that has the message when it refuses it", () => {
    const deliveries = given(1);
    taken(deliveries);
    expect(deliveries.refuse("bob", ["event-0"], "park", "broken")).toEqual([]);
    expect(deliveries.counts.inFlight).toBe(1);
  });

  test("that parks gives the reason, and leaves the message unhandled until it is parked", () => {
    const deliveries = given(1);
    taken(deliveries);
    const [parking] = deliveries.refuse("ann", ["event-0"], "park", "broken");
    expect(parking?.reason).toBe("Client explicitly NAK'ed message.\nbroken");
    expect(deliveries.mark.sequence).toBe(-1);
    deliveries.settled(messageAt(0));
    expect(deliveries.mark.sequence).toBe(0);
  });

  test("that parks what cannot be parked brings it back", () => {
    const deliveries = given(1);
    taken(deliveries);
    for (const { message } of deliveries.refuse("ann", ["event-0"], "park", "broken")) deliveries.restore(message);
    expect(taken(deliveries)).toEqual(["ann event-0 0"]);
  });

  test.each(["skip", "stop"] as const)("of %s lets go of the message", (action) => {
    const deliveries = given(1);
    taken(deliveries);
    expect(deliveries.refuse("ann", ["event-0"], action, "")).toEqual([]);
    expect(deliveries.mark.sequence).toBe(0);
  });

  test("of retry parks in the end", () => {
    const deliveries = given(1);
    const refuse = () => deliveries.refuse("ann", ["event-0"], "retry", "");
    for (const retries of [0, 1]) {
      expect(taken(deliveries)).toEqual([`ann event-0 ${retries}`]);
      expect(refuse()).toEqual([]);
    }
    expect(taken(deliveries)).toEqual(["ann event-0 2"]);
    expect(refuse().map(({ reason }) => reason)).toEqual(["Reached retry count of 2"]);
  });
});

describe("time", () => {
  test("repeats what was not answered, once it is up", () => {
    const deliveries = given(2);
    deliveries.take(0, 1);
    deliveries.take(50, 1);
    deliveries.expire(99);
    expect(deliveries.counts.retrying).toBe(0);
    deliveries.expire(100);
    expect(taken(deliveries, 100)).toEqual(["ann event-0 1"]);
  });

  test("is up at once when there is none to answer", () => {
    const deliveries = given(1, { messageTimeoutMs: 0 });
    taken(deliveries, 5);
    deliveries.expire(5);
    expect(deliveries.counts.retrying).toBe(1);
  });

  test("parks what was repeated often enough", () => {
    const deliveries = given(1, { maxRetryCount: 0 });
    taken(deliveries);
    expect(deliveries.expire(100)).toHaveLength(1);
  });
});

describe("a consumer that leaves", () => {
  test("has what it had delivered to others, in order and as repeats, however often that was tried", () => {
    const deliveries = given(3, { maxRetryCount: 0 });
    taken(deliveries);
    deliveries.join("bob", 10);
    deliveries.leave("ann");
    expect(taken(deliveries)).toEqual(["bob event-0 1", "bob event-1 1", "bob event-2 1"]);
  });
});
