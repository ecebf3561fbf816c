import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jsonEvent } from "@eventstore/db-client";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { linkOf } from "../../../src/eventstore/chain.ts";
import { contentOf } from "../../../src/eventstore/copy/content.ts";
import type { CopiedEvent } from "../../../src/eventstore/copy/copiedEvent.ts";
import { exportToFile, importInto, verify } from "../../../src/eventstore/copy/copying.ts";
import { filePlace } from "../../../src/eventstore/copy/filePlace.ts";
import type { Place } from "../../../src/eventstore/copy/place.ts";
import { storePlace } from "../../../src/eventstore/copy/storePlace.ts";
import { folder, how, type OwnStore, ownStore } from "./stores.ts";

const stack = new AsyncDisposableStack();
let directory: string;
beforeAll(async () => {
  directory = await folder(stack);
});
afterAll(() => stack.disposeAsync());

const event = (revision: number, changes: Partial<CopiedEvent> = {}): CopiedEvent => ({
  stream: "order-1",
  revision: BigInt(revision),
  id: `00000000-0000-4000-8000-${String(revision).padStart(12, "0")}`,
  type: "Numbered",
  isJson: true,
  data: Buffer.from(`{"n":${revision}}`),
  metadata: Buffer.from("{}"),
  created: "0",
  position: BigInt(revision),
  ...changes,
});

const placeOf = (name: string, events: readonly CopiedEvent[]): Place => ({
  name,
  async *events() {
    yield* events;
  },
});
const source = [event(0), event(1), event(2, { stream: "order-2", revision: 0n }), event(3, { revision: 2n })];

describe("verification finds", () => {
  const verdict = (found: readonly CopiedEvent[], ledgerOf: (stream: string) => string | undefined = () => undefined) =>
    verify(placeOf("here", source), placeOf("there", found), { ...how, ledgerOf });

  test("nothing where both are the same", async () => {
    const { source: wanted, target: found } = await verdict(source);
    expect(found).toEqual(wanted);
    expect(wanted).toMatchObject({ events: 4, streams: 2 });
  });

  test.each([
    ["data", { data: Buffer.from('{"n":7}') }],
    ["metadata", { metadata: Buffer.from('{"by":"me"}') }],
    ["type", { type: "Other" }],
    ["type", { isJson: false }],
    ["id", { id: "00000000-0000-4000-8000-00000000000f" }],
  ])("an event with another %s", async (what, change) => {
    const changed = source.with(1, { ...event(1), ...change });
    await expect(verdict(changed)).rejects.toThrow(`revision 1 of order-1 has another ${what} in there than in here`);
  });

  test("an event that is missing in the middle", async () => {
    await expect(verdict(source.toSpliced(1, 1))).rejects.toThrow(
      "where here has revision 1 of order-1, there has revision 0 of order-2",
    );
  });

  test("an event that is missing at the end", async () => {
    await expect(verdict(source.slice(0, -1))).rejects.toThrow("not complete: revision 2 of order-1 is not in it");
  });

  test("an event too many", async () => {
    await expect(verdict([...source, event(4, { revision: 3n })])).rejects.toThrow(
      "there goes on with revision 3 of order-1, where here ends",
    );
  });

  test("events in another order, though each stream is the same", async () => {
    const [a, b, c, d] = source;
    const swapped = [a, c, b, d].filter((each) => each !== undefined);
    await expect(verdict(swapped)).rejects.toThrow(
      "where here has revision 1 of order-1, there has revision 0 of order-2",
    );
  });

  test.each([
    [
      "changed",
      [event(0, { stream: "$$order-1", data: Buffer.from('{"$maxCount":2}') })],
      "is not the same at revision 0",
    ],
    ["missing", [], "revision 0 of $$order-1 is not in it"],
    ["extra", [0, 1].map((n) => event(n, { stream: "$$order-1" })), "there has revision 1 of $$order-1"],
  ])("metadata of a stream that is %s", async (_, found, words) => {
    const described = [event(0, { stream: "$$order-1" }), ...source];
    const comparison = verify(placeOf("here", described), placeOf("there", [...source, ...found]), how);
    await expect(comparison).rejects.toThrow(words);
  });

  test("a ledger whose chain does not hold, in both alike", async () => {
    const chained = (chain: string) => ({ metadata: Buffer.from(JSON.stringify({ chain })) });
    const first = linkOf("1", { id: event(0).id, type: "Numbered", data: { n: 0 }, metadata: {} });
    const second = linkOf(first, { id: event(1).id, type: "Numbered", data: { n: 1 }, metadata: {} });
    const ledger = [event(0, chained(first)), event(1, chained(second))];
    const ledgerOf = (stream: string) => stream.slice("order-".length);
    const check = (events: readonly CopiedEvent[]) =>
      verify(placeOf("here", events), placeOf("there", events), { ...how, ledgerOf });
    expect((await check(ledger)).chains).toEqual({ ledgers: 1, broken: undefined });
    const forged = ledger.with(1, { ...event(1, chained(second)), data: Buffer.from('{"n":100}') });
    await expect(check(forged)).rejects.toThrow("broken at revision 1 of order-1");
  });
});

test("contents that differ in nothing but where bytes end are not the same", () => {
  const hash = (data: string, metadata: string) => {
    const { add, content } = contentOf();
    add(event(0, { data: Buffer.from(data), metadata: Buffer.from(metadata) }));
    return content().sha256;
  };
  expect(hash("ab", "c")).not.toBe(hash("a", "bc"));
});

describe("a target", () => {
  let target: OwnStore;
  let own: AsyncDisposableStack;
  beforeEach(async () => {
    own = new AsyncDisposableStack();
    target = await ownStore(own, "the target");
    return () => own.disposeAsync();
  });
  const content = async () => {
    const all = await Array.fromAsync(storePlace("the target", target.store.connection).events());
    return all.map(({ stream, revision }) => `${revision} ${stream}`);
  };

  test("that holds something else is left as it is", async () => {
    await target.client.appendToStream("order-1", jsonEvent({ type: "Foreign", data: {} }));
    await expect(importInto(placeOf("the file", source), target.store, how)).rejects.toThrow(
      "the target is not empty, and holds something else: revision 0 of order-1 has another id",
    );
    expect(await content()).toEqual(["0 order-1"]);
  });

  test("that holds more than the source is left as it is", async () => {
    await importInto(placeOf("the file", source), target.store, how);
    const shorter = placeOf("the file", source.slice(0, 2));
    await expect(importInto(shorter, target.store, how)).rejects.toThrow("goes on with revision 0 of order-2");
    expect(await content()).toHaveLength(4);
  });

  test("that holds the source's beginning is completed, and completed again is left as it is", async () => {
    await importInto(placeOf("the file", source.slice(0, 2)), target.store, how);
    for (const _ of ["once", "again"]) {
      await importInto(placeOf("the file", source), target.store, how);
      expect(await content()).toEqual(["0 order-1", "1 order-1", "0 order-2", "2 order-1"]);
    }
  });

  test("gets nothing of a source with a stream whose beginning was scavenged away", async () => {
    const scavenged = placeOf("the file", [...source, event(5, { stream: "order-3" })]);
    await expect(importInto(scavenged, target.store, how)).rejects.toThrow(
      "Of order-3 revision 0 is not there any more, only revision 5 of order-3",
    );
    expect(await content()).toEqual([]);
  });

  test("where a stream was deleted by an earlier copy is not gone on with when that stream was recreated", async () => {
    const deletion = event(9, { stream: "$$order-1", revision: 0n, data: Buffer.from('{"$tb":9223372036854775807}') });
    await importInto(placeOf("the file", [...source, deletion]), target.store, how);
    const later = placeOf("the file", [...source, deletion, event(10, { revision: 3n })]);
    await expect(importInto(later, target.store, how)).rejects.toThrow("order-1 was deleted when an earlier copy");
    expect(await content()).toHaveLength(5);
  });

  test("holds bytes that are no text, and JSON that is spelled oddly, as they were", async () => {
    const odd = [
      event(0, { data: Buffer.from('{ "b":1.0,  "a":1e3 }'), metadata: Buffer.from([0xff, 0, 0x0a]) }),
      event(1, { isJson: false, data: Buffer.from("\u2028\r\n\0"), metadata: Buffer.from("") }),
    ];
    await importInto(placeOf("the file", odd), target.store, how);
    const file = join(directory, "odd.ndjson");
    await exportToFile(target.store, file, how);
    const found = await Array.fromAsync(filePlace(file).events());
    expect(found.map(({ data, metadata }) => [Buffer.from(data), Buffer.from(metadata)])).toEqual(
      odd.map(({ data, metadata }) => [data, metadata]),
    );
  });

  test("that is exported writes over no file, and does not go on with another store's beginning", async () => {
    await importInto(placeOf("the file", source), target.store, how);
    const file = join(directory, "kept.ndjson");
    await exportToFile(target.store, file, how);
    await expect(exportToFile(target.store, file, how)).rejects.toThrow("is there already");

    const complete = await readFile(file, "utf8");
    const other = join(directory, "other.ndjson");
    const foreign = complete.split("\n").slice(0, 2).join("\n").replace("Numbered", "Foreign");
    await writeFile(`${other}.partial`, `${foreign}\n`);
    await expect(exportToFile(target.store, other, how)).rejects.toThrow("holds events of another store");
  });

  test.each([
    ["was cut off", (text: string) => text.slice(0, text.lastIndexOf('{"end"')), "is not complete"],
    ["was cut off in a line", (text: string) => text.slice(0, -90), "Line 6 of"],
    ["was changed", (text: string) => text.replace('{\\"n\\":1}', '{\\"n\\":9}'), "was changed"],
    ["lacks a line", (text: string) => text.split("\n").toSpliced(4, 1).join("\n"), "was changed"],
    ["is of another kind", () => "name,amount\n", "is no file of events"],
  ])("gets nothing from a file that %s", async (what, damage, words) => {
    const other = await ownStore(own, "the source");
    await importInto(placeOf("the file", source), other.store, how);
    const file = join(directory, `${what}.ndjson`);
    await exportToFile(other.store, file, how);
    await writeFile(file, damage(await readFile(file, "utf8")));
    await expect(importInto(filePlace(file), target.store, how)).rejects.toThrow(words);
    expect(await content()).toEqual([]);
  });
});
