import { randomUUID } from "node:crypto";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonical, linked, linkOf, verifyChain } from "../../src/eventstore/chain.ts";
import { systemMetadata } from "../support/metadata.ts";

const workspaceId = "9f2c1a34-5b6d-4e7f-8a90-b1c2d3e4f506";

type Data = Record<string, unknown>;
const chained = (data: readonly Data[]) => {
  let chain = workspaceId;
  return data.map((item, index) => {
    const metadata = { commandId: randomUUID(), actor: { kind: "system", id: null } };
    const event = { id: randomUUID(), type: "CreditsDebited", data: item, metadata };
    chain = linkOf(chain, event);
    return { ...event, revision: BigInt(index), metadata: { ...metadata, chain } };
  });
};

const histories = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 2, maxLength: 12 }).map(chained);

test("a chain that nobody touched is intact, also when its events were stored and read as JSON", async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (events) => {
      const read = events.map((event) => ({ ...event, data: JSON.parse(JSON.stringify(event.data)) }));
      const head = { revision: BigInt(events.length - 1), chain: events.at(-1)?.metadata.chain };
      expect(await verifyChain(workspaceId, read)).toEqual({ isIntact: true, ...head });
    }),
    { numRuns: 100 },
  );
});

test("what a link was made of is what is stored, and leads to the same link again", () => {
  const text = fc.string({ unit: "binary" }).map((string) => string.toWellFormed());
  fc.assert(
    fc.property(fc.dictionary(text, fc.jsonValue()), text, (data, userAgent) => {
      const event = { id: randomUUID(), type: "CreditsDebited", data, metadata: systemMetadata({ userAgent }) };
      const { json, metadata } = linked(workspaceId, event);
      const stored = { ...event, data: JSON.parse(json?.data ?? ""), metadata: JSON.parse(json?.metadata ?? "") };
      expect(stored).toEqual(JSON.parse(JSON.stringify({ ...event, metadata })));
      expect(metadata.chain).toBe(linkOf(workspaceId, stored));
    }),
    { numRuns: 300 },
  );
});

test("an event that was edited, exchanged, dropped, doubled or moved is named", async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.nat(), async (events, seed) => {
      const at = seed % (events.length - 1);
      const event = events[at];
      const next = events[at + 1];
      if (!event || !next) return;
      const tampered = [
        events.with(at, { ...event, data: { ...event.data, extra: 1 } }),
        events.with(at, { ...event, type: "CreditsPurchased" }),
        events.with(at, { ...event, id: randomUUID() }),
        events.with(at, { ...event, metadata: { ...event.metadata, commandId: randomUUID() } }),
        events.toSpliced(at, 1),
        events.toSpliced(at, 1).map((moved, index) => ({ ...moved, revision: BigInt(index) })),
        events.with(at, next).with(at + 1, event),
      ];
      for (const history of tampered)
        expect(await verifyChain(workspaceId, history)).toEqual({ isIntact: false, brokenAt: BigInt(at) });
      const doubled = events.toSpliced(at, 0, event);
      expect(await verifyChain(workspaceId, doubled)).toEqual({ isIntact: false, brokenAt: BigInt(at + 1) });
    }),
    { numRuns: 100 },
  );
});

test("a ledger does not pass for another workspace's", async () => {
  const events = chained([{ amount: 1 }, { amount: 2 }]);
  expect(await verifyChain(randomUUID(), events)).toEqual({ isIntact: false, brokenAt: 0n });
});

test("a link is what a stranger computes from its definition", () => {
  // printf '9f2c…\n11111111-…\nCreditsDebited\n{"amount":5,"description":"é"}\n{"occurredAt":"…"}' | sha256sum
  const event = {
    id: "11111111-1111-8111-8111-111111111111",
    type: "CreditsDebited",
    data: { description: "é", amount: 5 },
    metadata: { occurredAt: "2026-03-01T09:00:00.000Z", chain: "not part of it" },
  };
  expect(linkOf(workspaceId, event)).toBe("8c87f98810c8637ee408e42b6653867718dd0cae99ece7e6d31cc48832ca91a2");
});

test("every JSON value is spelled as RFC 8785 says: as another program that knows the RFC spells it", () => {
  const names = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "10", "9", '"', "é", "\u2028"));
  const { value } = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.jsonValue({ maxDepth: 0 }), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string()),
    value: fc.oneof({ maxDepth: 4 }, tie("leaf"), fc.array(tie("value")), fc.dictionary(names, tie("value"))),
  }));
  fc.assert(
    fc.property(value, (given) => {
      const spelled = canonicalize(given) ?? "";
      expect(canonical(given)).toBe(spelled);
      // Now its names are in order, and it takes the short way.
      expect(canonical(JSON.parse(spelled))).toBe(spelled);
    }),
    { numRuns: 500 },
  );
  expect(canonical({ b: undefined, a: [undefined, -0, 1e21] })).toBe('{"a":[null,0,1e+21]}');
});

test("what JSON cannot say has no canonical form", () => {
  for (const value of [undefined, Number.NaN, "\ud800", 1n, { a: () => 1 }, { "\ud800": 1 }])
    expect(() => canonical(value)).toThrow();
});
