import fc from "fast-check";
import { expect, test } from "vitest";
import { strategyNames } from "../../../../src/embedded/eventstore/persistent/consumerStrategy.ts";
import { createDeliveries, type Deliveries } from "../../../../src/embedded/eventstore/persistent/deliveries.ts";
import type { Delivered } from "../../../../src/embedded/eventstore/persistent/inFlight.ts";
import { messageAt } from "./messages.ts";

const capacity = 3;
const messageTimeoutMs = 100;

type Strategy = (typeof strategyNames)[number];
type Parkings = ReturnType<Deliveries["expire"]>;

/** The plainest account of a group: which events are open, who is there and who has what. */
function createAccount(strategy: Strategy) {
  const settings = { strategy, maxRetryCount: 1, messageTimeoutMs, readBatchSize: 10, historyBufferSize: 1_000 };
  const deliveries = createDeliveries(settings, -1);
  const open = new Set<number>();
  const present = new Set<string>();
  const held = new Map<number, Delivered>();
  let last = -1;
  let nowMs = 0;

  const finish = (sequence: number): void => {
    held.delete(sequence);
    open.delete(sequence);
  };
  const heldBy = (consumer: string): readonly Delivered[] =>
    [...held.values()].filter((one) => one.consumer === consumer);

  return {
    deliveries,
    open,
    present,
    held,
    finish,
    next: () => (last += 1),
    wait: (ms: number) => (nowMs += ms),
    receive(limit: number): void {
      for (const one of deliveries.take(nowMs, limit)) {
        expect(present).toContain(one.consumer);
        expect(open).toContain(one.message.sequence);
        expect(held.has(one.message.sequence)).toBe(false);
        held.set(one.message.sequence, one);
      }
      for (const consumer of present) expect(heldBy(consumer).length).toBeLessThanOrEqual(capacity);
    },
    park(parkings: Parkings, canPark: boolean): void {
      for (const { message } of parkings) {
        expect(deliveries.mark.sequence).toBeLessThan(message.sequence);
        if (!canPark) deliveries.restore(message);
        else {
          deliveries.settled(message);
          finish(message.sequence);
        }
      }
    },
    leave(consumer: string): void {
      for (const { message } of heldBy(consumer)) held.delete(message.sequence);
      present.delete(consumer);
      deliveries.leave(consumer);
    },
    pick: (which: number): Delivered | undefined => [...held.values()].at(which % Math.max(1, held.size)),
    check(): void {
      const { fresh, retrying, inFlight } = deliveries.counts;
      expect(fresh + retrying + inFlight).toBe(open.size);
      expect(inFlight).toBe(held.size);
      expect(deliveries.mark.sequence).toBe(open.size === 0 ? last : Math.min(...open) - 1);
    },
  };
}

type Account = ReturnType<typeof createAccount>;
type Step = (account: Account) => void;

const add = fc.constantFrom("order-1", "order-2", "order-3", "order-4").map(
  (affinity): Step =>
    (account) => {
      const sequence = account.next();
      account.open.add(sequence);
      account.deliveries.add(messageAt(sequence, { affinity }));
    },
);

const pass = fc.constant<Step>((account) => account.deliveries.pass(account.next()));

const take = fc.integer({ min: 1, max: 5 }).map(
  (limit): Step =>
    (account) =>
      account.receive(limit),
);

const acknowledge = fc.nat(20).map(
  (which): Step =>
    (account) => {
      const target = account.pick(which);
      if (target === undefined) return;
      account.deliveries.acknowledge([target.message.id]);
      account.finish(target.message.sequence);
    },
);

const actions = fc.constantFrom("park", "retry", "skip", "stop");

const refuse = fc.tuple(fc.nat(20), actions, fc.boolean()).map(
  ([which, action, canPark]): Step =>
    (account) => {
      const target = account.pick(which);
      if (target === undefined) return;
      const { sequence, id } = target.message;
      account.held.delete(sequence);
      account.park(account.deliveries.refuse(target.consumer, [id], action, ""), canPark);
      if (action === "skip" || action === "stop") account.finish(sequence);
    },
);

const wait = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.boolean()).map(
  ([ms, canPark]): Step =>
    (account) => {
      const nowMs = account.wait(ms);
      for (const [sequence, { deliveredAtMs }] of account.held) {
        if (deliveredAtMs <= nowMs - messageTimeoutMs) account.held.delete(sequence);
      }
      account.park(account.deliveries.expire(nowMs), canPark);
    },
);

const comeOrGo = fc.constantFrom("ann", "bob", "cleo").map(
  (consumer): Step =>
    (account) => {
      if (account.present.has(consumer)) return account.leave(consumer);
      account.present.add(consumer);
      account.deliveries.join(consumer, capacity);
    },
);

const steps = fc.array(fc.oneof(add, add, add, pass, take, take, acknowledge, refuse, wait, comeOrGo), {
  maxLength: 80,
});

function play(strategy: Strategy, played: readonly Step[]): Account {
  const account = createAccount(strategy);
  for (const step of played) {
    step(account);
    account.check();
  }
  return account;
}

test("whatever happens, each message is in one place, and the mark is right below the lowest unhandled one", () => {
  const run = fc.property(fc.constantFrom(...strategyNames), steps, (strategy, played) => {
    play(strategy, played);
  });
  fc.assert(run, { numRuns: 300 });
});

test("whatever happened, a single consumer that acknowledges all it gets is given everything that is open", () => {
  const run = fc.property(fc.constantFrom(...strategyNames), steps, (strategy, played) => {
    const account = play(strategy, played);
    for (const consumer of [...account.present]) account.leave(consumer);
    account.present.add("dora");
    account.deliveries.join("dora", capacity);
    do {
      account.receive(100);
      for (const [sequence, { message }] of account.held) {
        account.deliveries.acknowledge([message.id]);
        account.finish(sequence);
      }
      account.receive(100);
    } while (account.held.size > 0);
    expect([...account.open]).toEqual([]);
    account.check();
  });
  fc.assert(run, { numRuns: 200 });
});
