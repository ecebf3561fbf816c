import { afterAll, beforeAll, expect, test } from "vitest";
import { publicKeysOf } from "../../src/audit/seals.ts";
import { verify } from "../../src/audit/verify.ts";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { canonical } from "../../src/eventstore/chain.ts";
import { linesOf } from "../../src/eventstore/textLines.ts";
import { newKey } from "../../src/platform/encryption.ts";
import { installedSealKeys } from "../../src/sealing.ts";
import { contextOf, startWriteSide, type WriteSide } from "../commands/writeSide.ts";
import { type Bookkeeping, bookkeeping, livelyLedger } from "./ledgers.ts";

let writeSide: WriteSide;
/** Two processes of one installation. */
let books: Bookkeeping;
let others: Bookkeeping;
/** A ledger sealed by the first key, by its successor, and by that of the other process. */
let workspaceId: string;
let keyIds: string[];
beforeAll(async () => {
  writeSide = await startWriteSide();
  const masterKey = newKey();
  [books, others] = await Promise.all([bookkeeping(writeSide, masterKey), bookkeeping(writeSide, masterKey)]);
  workspaceId = await livelyLedger(books);
  await books.keys.rotate();
  await books.seal(workspaceId);
  await debited();
  await others.seal(workspaceId);
  keyIds = (await books.keys.publicKeys()).map(({ kid }) => kid);
});
afterAll(() => writeSide.stop());

const debited = () =>
  books.handler.handle(DebitCredits, { workspaceId, amount: 1, description: "Enrich" }, contextOf());
async function* chunk(text: string) {
  yield Buffer.from(text);
}
const reportOn = async (lines: readonly string[], keys: readonly object[]): Promise<string> =>
  (await verify(linesOf(chunk(lines.join("\n"))), publicKeysOf(JSON.stringify({ keys })))).report;

test("a new key seals from the next seal on, in every process, and what the old one sealed stays genuine", async () => {
  const lines = await books.exported(workspaceId);
  const seals = lines.map((line) => JSON.parse(line).seal).filter((seal) => seal !== undefined);
  const [first, second] = keyIds;
  expect(seals.map(({ keyId }) => keyId)).toEqual([first, first, first, second, second]);
  expect(await reportOn(lines, await others.keys.publicKeys())).toContain("5 seals by 2 keys, all genuine");
});

test("who was given one of the keys alone is told which one is missing", async () => {
  const lines = await books.exported(workspaceId);
  const [first, second] = await books.keys.publicKeys();
  const said = (number: number, kid: string | undefined) =>
    `Seal ${number} is signed with the key ${kid}, which is none of those given.`;
  expect(await reportOn(lines, [first ?? {}])).toBe(said(4, second?.kid));
  expect(await reportOn(lines, [second ?? {}])).toBe(said(1, first?.kid));
});

test("a key that was replaced seals nothing behind its successor's first seal, whoever has it", async () => {
  const stolen = await bookkeepingBefore();
  await debited();
  const lines = await books.exported(workspaceId);
  const { seal } = JSON.parse(lines.at(-1) ?? "");
  const { signature: _, number, ...sealed } = { ...seal, keyId: stolen.publicJwk.kid };
  const forged = { seal: { number, ...sealed, signature: stolen.sign(canonical(sealed)) } };
  expect(await reportOn([...lines.slice(0, -1), JSON.stringify(forged)], await books.keys.publicKeys())).toBe(
    `Seal ${number} is signed with the key ${stolen.publicJwk.kid}, which another one had replaced before.`,
  );
});

/** The key of an installation as it was before the one there is now. */
const bookkeepingBefore = async () => {
  const before = await books.keys.current();
  await books.keys.rotate();
  await debited();
  await books.seal(workspaceId);
  return before;
};

test("of two new keys made at the same time one is kept", async () => {
  const before = (await books.keys.publicKeys()).length;
  const outcomes = await Promise.allSettled([books.keys.rotate(), others.keys.rotate()]);
  const made = outcomes.filter(({ status }) => status === "fulfilled").length;
  expect((await books.keys.publicKeys()).length).toBe(before + made);
  expect((await books.keys.current()).publicJwk).toEqual((await others.keys.current()).publicJwk);
});

test("no key is made under a master key that is not the installation's", async () => {
  await expect(installedSealKeys(writeSide.pool, newKey())).rejects.toThrow();
});
