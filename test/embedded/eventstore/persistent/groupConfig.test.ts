import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { strategyNames } from "../../../../src/embedded/eventstore/persistent/consumerStrategy.ts";
import { fromJson, type GroupConfig, toJson } from "../../../../src/embedded/eventstore/persistent/groupConfig.ts";

const count = fc.oneof(fc.constantFrom(0, 1, 10, 20, 500, 1_000, 2_000, 30_000), fc.nat());

const settings = fc.record({
  startFrom: fc.oneof(fc.constantFrom<"start" | "end">("start", "end"), fc.nat()),
  resolveLinks: fc.boolean(),
  extraStatistics: fc.boolean(),
  messageTimeoutMs: count,
  maxRetryCount: count,
  checkpointAfterMs: count,
  minCheckpointCount: count,
  maxCheckpointCount: count,
  maxSubscriberCount: count,
  liveBufferSize: count,
  readBatchSize: count,
  historyBufferSize: count,
  strategy: fc.constantFrom(...strategyNames),
});

const filter = fc.record({
  on: fc.constantFrom<"stream" | "type">("stream", "type"),
  regex: fc.string(),
  prefixes: fc.array(fc.string()),
  checkpointInterval: fc.nat(),
});

const config: fc.Arbitrary<GroupConfig> = fc.record({
  source: fc.string(),
  group: fc.string(),
  filter: fc.option(filter, { nil: undefined }),
  settings,
  startsAfter: fc.integer({ min: -1 }),
});

describe("the text that groups are kept in", () => {
  test("says everything about any group", () => {
    const run = fc.property(fc.array(config), (configs) => {
      expect(fromJson(toJson(configs))).toEqual(configs);
    });
    fc.assert(run, { numRuns: 200 });
  });

  test.each([
    ["no JSON", "nonsense"],
    ["something else", '{"version":2,"groups":[]}'],
    ["no list", '{"version":1,"groups":{}}'],
    ["a group without a name", '{"version":1,"groups":[{"source":"s","startsAfter":0,"settings":{}}]}'],
    [
      "an unknown strategy",
      '{"version":1,"groups":[{"source":"s","group":"g","startsAfter":0,"settings":{"strategy":"X"}}]}',
    ],
  ])("is refused when it is %s", (_, text) => {
    expect(() => fromJson(text)).toThrow();
  });
});
