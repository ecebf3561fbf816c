import fc from "fast-check";
import { expect, test } from "vitest";
import { strategyNames } from "../../../../src/embedded/eventstore/persistent/consumerStrategy.ts";
import { createDeliveries } from "../../../../src/embedded/eventstore/persistent/deliveries.ts";
import type { Delivered } from "../../../../src/embedded/eventstore/persistent/inFlight.ts";
import { messageAt } from "./messages.ts";

const consumerNames = ["ann", "bob", "cleo"];
const streams = ["order-1", "order-2", "order-3", "order-4"];
const capacity = 3;

const step = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), stream: fc.constantFrom(...streams) }),
  fc.record({ kind: fc.constant("pass" as const) }),
  fc.record({ kind: fc.constant("take" as const), limit: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("acknowledge" as const), which: fc.nat(20) }),
  fc.record({
    kind: fc.constant("refuse" as const),
    which: fc.nat(20),
    action: fc.constantFrom("park" as const, "retry" as const, "skip" as const, "stop" as const),
    canPark: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 60 }), canPark: fc.boolean() }),
  fc.record({ kind: fc.constant("join" as const), consumer: fc.constantFrom(...consumerNames) }),
  fc.record({ kind: fc.constant("leave" as const), consumer: fc.constantFrom(...consumerNames) }),
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Plays the steps beside the plainest account of them: which events are open, who is there and who has what. */
function play(strategy: (typeof strategyNames)[number], steps: readonly Step[]) {
  const settings = { strategy, maxRetryCount: 1, messageTimeoutMs: 100, readBatchSize: 10, historyBufferSize: 1_000 };
  const deliveries = createDeliveries(settings, -1);
  const open = new Set<number>();
  const present = new Set<string>();
  const held = new Map<number, Delivered>();
  let last = -1;
  let nowMs = 0;

  const receive = (delivered: readonly Delivered[]): void => {
    for (const one of delivered) {
      expect(present).toContain(one.consumer);
      expect(open).toContain(one.message.sequence);
      expect(held.has(one.message.sequence)).toBe(false);
      held.set(one.message.sequence, one);
    }
    for (const consumer of present) {
      expect([...held.values()].filter((one) => one.consumer === consumer).length).toBeLessThanOrEqual(capacity);
    }
  };
  const finish = (sequence: number): void => {
    held.delete(sequence);
    open.delete(sequence);
  };
  const park = (parkings: ReturnType<typeof deliveries.expire>, canPark: boolean): void => {
    for (const { message } of parkings) {
      expect(deliveries.mark.sequence).toBeLessThan(message.sequence);
      if (canPark) {
        deliveries.settled(message);
        finish(message.sequence);
      } else deliveries.restore(message);
    }
  };
  const leave = (consumer: string): void => {
    present.delete(consumer);
    deliveries.leave(consumer);
    for (const [sequence, one] of held) if (one.consumer === consumer) held.delete(sequence);
  };
  const pick = (which: number): Delivered | undefined => [...held.values()].at(which % Math.max(1, held.size));

  const act = (one: Step): void => {
    if (one.kind === "add") {
      last += 1;
      open.add(last);
      deliveries.add(messageAt(last, { affinity: one.stream }));
    } else if (one.kind === "pass") {
      last += 1;
      deliveries.pass(last);
    } else if (one.kind === "take") receive(deliveries.take(nowMs, one.limit));
    else if (one.kind === "acknowledge" || one.kind === "refuse") {
      const target = pick(one.which);
      if (target === undefined) return;
      const { sequence, id } = target.message;
      held.delete(sequence);
      if (one.kind === "acknowledge") deliveries.acknowledge([id]);
      else park(deliveries.refuse(target.consumer, [id], one.action, ""), one.canPark);
      if (one.kind === "acknowledge" || one.action === "skip" || one.action === "stop") open.delete(sequence);
    } else if (one.kind === "wait") {
      nowMs += one.ms;
      for (const [sequence, { deliveredAtMs }] of held) if (deliveredAtMs <= nowMs - 100) held.delete(sequence);
      park(deliveries.expire(nowMs), one.canPark);
    } else if (one.kind === "join" && !present.has(one.consumer)) {
      present.add(one.consumer);
      deliveries.join(one.consumer, capacity);
    } else if (one.kind === "leave" && present.has(one.consumer)) leave(one.consumer);
  };

  const check = (): void => {
    const { fresh, retrying, inFlight } = deliveries.counts;
    expect(fresh + retrying + inFlight).toBe(open.size);
    expect(inFlight).toBe(held.size);
    expect(deliveries.mark.sequence).toBe(open.size === 0 ? last : Math.min(...open) - 1);
  };

  for (const one of steps) {
    act(one);
    check();
  }
  return { deliveries, open, present, leave, last };
}

test("whatever happens, each message is in one place, and the mark is right below the lowest unhandled one", () => {
  fc.assert(
    fc.property(fc.constantFrom(...strategyNames), fc.array(step, { maxLength: 80 }), (strategy, steps) => {
      play(strategy, steps);
    }),
    { numRuns: 300 },
  );
});

test("whatever happened, a single consumer that acknowledges all it gets is given everything that is open", () => {
  fc.assert(
    fc.property(fc.constantFrom(...strategyNames), fc.array(step, { maxLength: 80 }), (strategy, steps) => {
      const { deliveries, open, present, leave, last } = play(strategy, steps);
      for (const consumer of [...present]) leave(consumer);
      deliveries.join("dora", 2);
      for (;;) {
        const delivered = deliveries.take(0, 100);
        if (delivered.length === 0) break;
        for (const { message } of delivered) open.delete(message.sequence);
        deliveries.acknowledge(delivered.map(({ message }) => message.id));
      }
      expect([...open]).toEqual([]);
      expect(deliveries.mark.sequence).toBe(last);
    }),
    { numRuns: 200 },
  );
});
