import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { strategyNames } from "../../../../src/embedded/eventstore/persistent/consumerStrategy.ts";
import { createStrategy } from "../../../../src/embedded/eventstore/persistent/createStrategy.ts";

const everybody = () => true;

describe("round robin", () => {
  test("takes turns among those who have room", () => {
    const strategy = createStrategy("RoundRobin");
    for (const consumer of ["ann", "bob", "cleo"]) strategy.joined(consumer);
    const choices = [everybody, everybody, everybody, everybody, (consumer: string) => consumer !== "bob", everybody];
    expect(choices.map((hasRoom) => strategy.choose("", hasRoom))).toEqual([
      "ann",
      "bob",
      "cleo",
      "ann",
      "cleo",
      "ann",
    ]);
  });
});

describe("dispatching to one", () => {
  test("stays with one until it is full, and with the next then", () => {
    const strategy = createStrategy("DispatchToSingle");
    for (const consumer of ["ann", "bob"]) strategy.joined(consumer);
    const notAnn = (consumer: string) => consumer !== "ann";
    const choices = [everybody, everybody, notAnn, everybody, everybody];
    expect(choices.map((hasRoom) => strategy.choose("", hasRoom))).toEqual(["ann", "ann", "bob", "bob", "bob"]);
  });
});

describe("pinning", () => {
  test("waits for the consumer that is full, since another one must not have the stream meanwhile", () => {
    const strategy = createStrategy("Pinned");
    for (const consumer of ["ann", "bob"]) strategy.joined(consumer);
    const owner = strategy.choose("order-1", everybody);
    expect(strategy.choose("order-1", (consumer) => consumer !== owner)).toBeUndefined();
    expect(strategy.choose("order-1", everybody)).toBe(owner);
  });

  test("spreads streams evenly, and moves only those it must when somebody comes or goes", () => {
    const strategy = createStrategy("Pinned");
    const streams = Array.from({ length: 3_000 }, (_, n) => `order-${n}`);
    const owners = () => streams.map((stream) => strategy.choose(stream, everybody));
    for (const consumer of ["ann", "bob"]) strategy.joined(consumer);
    const before = owners();
    strategy.joined("cleo");
    const after = owners();
    const moved = after.filter((owner, index) => owner !== before[index]);
    expect(new Set(moved)).toEqual(new Set(["cleo"]));
    expect(moved.length).toBeGreaterThan(800);
    expect(moved.length).toBeLessThan(1_200);
    strategy.left("bob");
    const last = owners();
    expect(after.filter((owner, index) => owner !== last[index]).every((owner) => owner === "bob")).toBe(true);
  });
});

test("each strategy chooses somebody who is there and has room, and leaves nobody out for ever who is alone", () => {
  const members = fc.uniqueArray(fc.constantFrom<string>("ann", "bob", "cleo", "dora"), { minLength: 1 });
  fc.assert(
    fc.property(
      fc.constantFrom(...strategyNames),
      members,
      fc.array(fc.tuple(fc.string(), fc.uniqueArray(fc.nat(3)))),
      (name, consumers, requests) => {
        const strategy = createStrategy(name);
        for (const consumer of consumers) strategy.joined(consumer);
        for (const [affinity, full] of requests) {
          const hasRoom = (consumer: string) => !full.includes(consumers.indexOf(consumer));
          const chosen = strategy.choose(affinity, hasRoom);
          if (chosen !== undefined) expect(consumers.filter(hasRoom)).toContain(chosen);
          else if (!name.startsWith("Pinned")) expect(consumers.some(hasRoom)).toBe(false);
        }
        for (const consumer of consumers.slice(1)) strategy.left(consumer);
        expect(strategy.choose("order-1", everybody)).toBe(consumers[0]);
      },
    ),
    { numRuns: 200 },
  );
});
