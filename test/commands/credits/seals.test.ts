import { expect, test } from "vitest";
import { SealLedger, sealLedger } from "../../../src/commands/credits/seals.ts";
import { ledgerSeal } from "../../../src/domain/credits/ledgerSeal.ts";
import { ledgerSeals } from "../../../src/projections/ledgerSeals.ts";
import { facts, given, id } from "../../spec.ts";
import { contextOf } from "../writeSide.ts";

const seal = (revision: number, chain = "ab") => ({
  workspaceId: id("wonderland"),
  organizationId: id("acme"),
  revision,
  chain: chain.repeat(32),
  sealedAt: facts.now,
  keyId: "key-1",
  signature: "A".repeat(86),
});
/** Asked for by somebody who found this link where the last seal is. */
const asking = (revision: number, sealed: { revision: number; chain: string | null } | null, chain?: string) => ({
  ...seal(revision, chain),
  sealed,
});
const atSeal = (revision: number, chain = "ab") => ({ revision, chain: chain.repeat(32) });
const sealed = (revision: number) => ({ type: "LedgerSealed", data: seal(revision) }) as const;

test("where a ledger ends is sealed, and further on sealed again", () => {
  given(ledgerSeal).when(SealLedger, asking(7, null)).then(sealed(7));
  const { organizationId: _, ...answer } = seal(9);
  const asked = given(ledgerSeal, sealed(7)).when(SealLedger, asking(9, atSeal(7)));
  asked.then(sealed(9));
  asked.thenAnswers(answer);
});

test("what is sealed already is not sealed again, and is answered with its seal", () => {
  const again = { ...asking(7, atSeal(7)), signature: "B".repeat(86), sealedAt: "2026-04-01T09:00:00.000Z" };
  const asked = given(ledgerSeal, sealed(7)).when(SealLedger, again);
  asked.thenNothing();
  const { organizationId: _, ...answer } = seal(7);
  asked.thenAnswers(answer);
});

test("a ledger that ends before its last seal, or is another one there, is not sealed", () => {
  given(ledgerSeal, sealed(7))
    .when(SealLedger, asking(6, { revision: 7, chain: null }))
    .thenRefused("conflict", "LEDGER_BEHIND_SEAL", { revision: 6, sealed: 7 });
  given(ledgerSeal, sealed(7))
    .when(SealLedger, asking(7, atSeal(7, "cd"), "cd"))
    .thenRefused("conflict", "LEDGER_UNLIKE_SEAL", { revision: 7 });
});

test.each([
  ["another link", "cd".repeat(32)],
  ["no event", null],
])("a ledger that has grown past its last seal, and has %s there, is not sealed", (_, chain) => {
  given(ledgerSeal, sealed(7))
    .when(SealLedger, asking(9, { revision: 7, chain }))
    .thenRefused("conflict", "LEDGER_UNLIKE_SEAL", { revision: 7 });
});

test("a ledger that was not looked at where its last seal is, is looked at anew before it is sealed", () => {
  for (const found of [null, atSeal(7)])
    for (const revision of [8, 11])
      given(ledgerSeal, sealed(7), sealed(9))
        .when(SealLedger, asking(revision, found))
        .thenRefused("conflict", "CONTENTION");
});

test("a ledger that is not there cannot be sealed", async () => {
  const handle = () => Promise.reject(new Error("nothing is to be written"));
  const sealing = {
    handler: { handle },
    headOf: async () => undefined,
    lastSealed: async () => null,
    sign: async () => seal(0),
  };
  expect(await sealLedger(sealing).execute({ workspaceId: id("nowhere") }, contextOf())).toMatchObject({
    code: "RESOURCE_NOT_FOUND",
  });
});

test("each seal is a row", () => {
  const row = given(ledgerSeal, sealed(7), sealed(9)).projectedBy(ledgerSeals).rows("ledger_seals");
  expect(row.map(({ revision, key_id, position }) => [revision, key_id, position])).toEqual([
    [7, "key-1", 1000n],
    [9, "key-1", 1001n],
  ]);
});
