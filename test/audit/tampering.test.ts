import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PublicKeys, publicKeysOf } from "../../src/audit/seals.ts";
import { type Verdict, verify } from "../../src/audit/verify.ts";
import { linesOf } from "../../src/eventstore/textLines.ts";
import { startWriteSide, type WriteSide } from "../commands/writeSide.ts";
import { type Bookkeeping, bookkeeping, livelyLedger } from "./ledgers.ts";

let writeSide: WriteSide;
let books: Bookkeeping;
let keys: PublicKeys;
let lines: string[];
/** How many of the lines are events; the rest are seals. */
let events: number;
let foreign: string[];
beforeAll(async () => {
  writeSide = await startWriteSide();
  books = await bookkeeping(writeSide);
  keys = keysOf((await books.keys.current()).publicJwk);
  lines = await books.exported(await livelyLedger(books));
  foreign = await books.exported(await livelyLedger(books));
  events = lines.filter((line) => !isSeal(line)).length;
});
afterAll(() => writeSide.stop());

const isSeal = (line: string): boolean => line.startsWith('{"seal"');
const keysOf = (jwk: object): PublicKeys => {
  const found = publicKeysOf(JSON.stringify(jwk));
  if (!found) throw new Error("no key");
  return found;
};

async function* chunk(bytes: Buffer) {
  yield bytes;
}
const verdictOn = (bytes: Buffer, given: PublicKeys | undefined = keys): Promise<Verdict> =>
  verify(linesOf(chunk(bytes)), given);
const bytesOf = (given: readonly string[]): Buffer => Buffer.from(`${given.join("\n")}\n`);
const verdict = (given: readonly string[], key?: PublicKeys): Promise<Verdict> => verdictOn(bytesOf(given), key);

/** Every finding says where: by revision, by line or by seal. */
const named = { isIntact: false, report: expect.stringMatching(/(revision|Line|Seal) \d+|no events|no seals/) };

/** What a reader of JSON makes of a file; undefined where it is none. */
const meaning = (bytes: Buffer): string | undefined => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const values = text.split("\n").filter((line) => line.trim() !== "");
    return JSON.stringify(values.map((line) => JSON.parse(line)));
  } catch {
    return undefined;
  }
};

test("an export as it was made is intact, from its file and the public key alone", async () => {
  expect(events).toBeGreaterThan(12);
  expect(lines.length - events).toBe(4);
  const { isIntact, report } = await verdict(lines);
  expect([isIntact, report]).toEqual([
    true,
    expect.stringMatching(
      /^\d+ events of [0-9a-f-]{36}, chain intact, balance 977 credits, 7 of them held\.\n4 seals, all genuine, .*over/,
    ),
  ]);
});

describe("what was done to an exported ledger is found and named:", () => {
  test("any byte replaced, taken out or put in anywhere, unless the JSON says the same as before", async () => {
    const original = bytesOf(lines);
    const said = meaning(original);
    let same = 0;
    const edit = fc.record({
      at: fc.nat(original.length - 1),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('019eE.+- \\"{}[],:\n'))),
      does: fc.constantFrom("replace", "replace", "take out", "put in"),
    });
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, byte, does }) => {
        const [before, after] = [original.subarray(0, at), original.subarray(does === "put in" ? at : at + 1)];
        const edited = Buffer.concat([before, Buffer.from(does === "take out" ? [] : [byte]), after]);
        const found = await verdictOn(edited);
        if (meaning(edited) === said) same += 1;
        else expect(found).toEqual(named);
      }),
      { numRuns: 2_000 },
    );
    expect(same).toBeLessThan(200);
  });

  test("a digit made another one, in every value of an event and of its metadata", async () => {
    const line = lines[4] ?? "";
    for (const [found] of [...line.matchAll(/(?<=[":[])[\w.-]+(?=[",\]}])/g)].filter(([value]) => /\d/.test(value)))
      expect(
        await verdict(
          lines.with(
            4,
            line.replace(
              found,
              found.replace(/\d/, (d) => `${(Number(d) + 1) % 10}`),
            ),
          ),
        ),
      ).toEqual(named);
  });

  test("any field taken out of an event, its metadata included", async () => {
    const event = JSON.parse(lines[5] ?? "");
    for (const path of ["", "data", "metadata"])
      for (const field of Object.keys(path === "" ? event : event[path])) {
        const edited = structuredClone(event);
        delete (path === "" ? edited : edited[path])[field];
        expect(await verdict(lines.with(5, JSON.stringify(edited)))).toEqual(named);
      }
  });

  test("any line dropped", async () => {
    for (let at = 0; at < lines.length; at += 1) expect(await verdict(lines.toSpliced(at, 1))).toEqual(named);
  });

  test("any line repeated, right behind itself or at the end", async () => {
    for (const [at, line] of lines.entries()) {
      expect(await verdict(lines.toSpliced(at, 0, line))).toEqual(named);
      expect(await verdict([...lines, line])).toEqual(named);
    }
  });

  test("any two lines swapped", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(lines.length - 1), fc.nat(lines.length - 1), async (one, other) => {
        fc.pre(one !== other);
        const swapped = lines.with(one, lines[other] ?? "").with(other, lines[one] ?? "");
        expect(await verdict(swapped)).toEqual(named);
      }),
      { numRuns: 150 },
    );
  });

  test("the tail cut off at any line", async () => {
    for (let kept = 0; kept < lines.length; kept += 1) expect(await verdict(lines.slice(0, kept))).toEqual(named);
  });

  test("the tail cut off the events, and the seals left as they were", async () => {
    for (let gone = 1; gone < events; gone += 1)
      expect((await verdict(lines.toSpliced(events - gone, gone))).report).toMatch(/cut off|no events/);
  });

  test("a line of another ledger in place of one of its own, or besides", async () => {
    for (const [at, line] of foreign.entries()) {
      expect(await verdict(lines.with(at, line))).toEqual(named);
      expect(await verdict([...lines, line])).toEqual(named);
    }
    expect(await verdict([...lines.slice(0, events), ...foreign.slice(events)])).toEqual(named);
  });

  test("a key that is another one, also under the name of the right one", async () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    const { kid } = (await books.keys.current()).publicJwk;
    for (const named of ["another", kid])
      expect((await verdict(lines, keysOf({ ...publicKey.export({ format: "jwk" }), kid: named }))).report).toBe(
        `Seal 1 is signed with the key ${kid}, which is none of those given.`,
      );
  });
});
