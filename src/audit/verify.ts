import type { SealLine } from "../commands/credits/seals.ts";
import { balanceOf } from "../domain/credits/creditLedger.ts";
import type { StoredEvent } from "../eventstore/store.ts";
import type { TextLine } from "../eventstore/textLines.ts";
import type { EventIndex } from "./eventIndex.ts";
import { parsedLine } from "./ledgerLine.ts";
import { newMemory, type Recomputation, recomputation } from "./recomputation.ts";
import { forgeryIn, type PublicKeys } from "./seals.ts";
import { several } from "./sentences.ts";

/** `report`: sentences for people, one a line. */
export type Verdict = { isIntact: boolean; report: string };

type NumberedSeal = SealLine["seal"];

/** As far as a file has been looked through. */
type Examination = {
  memory: ReturnType<typeof newMemory>;
  index: EventIndex;
  keys: PublicKeys | undefined;
  workspaceId: string | undefined;
  events: Recomputation | undefined;
  position: bigint;
  seal: NumberedSeal | undefined;
  /** By their ids, those that have sealed it, in their order. */
  keyIds: Set<string>;
};

/**
 * Whether an exported ledger is what was written: from its lines and the public keys alone, in one pass, whatever its
 * length. Without keys seals are only held against the chain, which anybody can make anew.
 */
export const verify = async (lines: AsyncIterable<TextLine>, keys: PublicKeys | undefined): Promise<Verdict> => {
  using memory = newMemory();
  const examination: Examination = {
    memory,
    index: memory.index,
    keys,
    workspaceId: undefined,
    events: undefined,
    position: -1n,
    seal: undefined,
    keyIds: new Set(),
  };
  for await (const line of lines) {
    if (line.text.trim() === "") continue;
    const wrong = await examine(line, examination);
    if (wrong !== undefined) return { isIntact: false, report: wrong };
  }
  return conclusion(examination);
};

const examine = async ({ text, number, isText }: TextLine, examination: Examination): Promise<string | undefined> => {
  const line = isText ? parsedLine(text) : undefined;
  if (!line) return `Line ${number} is no event of a ledger, and no seal of one.`;
  if (line.kind === "seal") return examineSeal(line.seal, examination);
  if (examination.seal) return `Line ${number} is an event, and stands behind the seals.`;
  return examineEvent(line.event, examination);
};

const examineEvent = async (event: StoredEvent, examination: Examination): Promise<string | undefined> => {
  const workspaceId = String(event.data["workspaceId"]);
  examination.workspaceId ??= workspaceId;
  examination.events ??= recomputation(workspaceId, examination.memory);
  const outcome = await examination.events.add(event);
  if (typeof outcome === "string") return outcome;
  // In an export that says where its events stood in their store, they stood there in their order.
  const { position } = examination;
  examination.position = event.position;
  const isInOrder = event.position > position || (event.position === -1n && position === -1n);
  return isInOrder
    ? undefined
    : `The position of the event at revision ${event.revision} is not behind the one before.`;
};

const examineSeal = (seal: NumberedSeal, examination: Examination): string | undefined => {
  const { index, keys, workspaceId, seal: before, keyIds } = examination;
  const { number, revision, keyId } = seal;
  examination.seal = seal;
  if (number !== (before?.number ?? 0) + 1)
    return `Seal ${number} stands where seal ${(before?.number ?? 0) + 1} should.`;
  if (workspaceId !== undefined && seal.workspaceId !== workspaceId) return `Seal ${number} is of another ledger.`;
  const forgery = keys && forgeryIn(keys, seal);
  if (forgery !== undefined) return `Seal ${number} ${forgery}.`;
  // Whoever has got hold of a key that was replaced can do nothing with it behind its successor's first seal.
  if (before && keyId !== before.keyId && keyIds.has(keyId))
    return `Seal ${number} is signed with the key ${keyId}, which another one had replaced before.`;
  keyIds.add(keyId);
  if (before && revision <= before.revision) return `Seal ${number} goes back behind the one before it.`;
  const sealed = index.at(revision);
  const last = index.revision();
  if (!sealed) return `The ledger was cut off: seal ${number} is over revision ${revision}, the last event is ${last}.`;
  return sealed.chain === seal.chain
    ? undefined
    : `Seal ${number} is over another history: revision ${revision} is not the one sealed.`;
};

const conclusion = ({ index, keys, events, workspaceId, seal, keyIds }: Examination): Verdict => {
  const ledger = events?.ledger();
  if (ledger?.status !== "open") return { isIntact: false, report: "There are no events in it." };
  const last = index.revision();
  if (seal && seal.revision < last)
    return {
      isIntact: false,
      report: `The last seal is over revision ${seal.revision}, the last event is revision ${last}: seals are missing.`,
    };
  if (keys && !seal)
    return { isIntact: false, report: "There are no seals in it: whether events were cut off cannot be seen." };
  const { posted, held } = balanceOf(ledger);
  const balance = `balance ${posted} credits${held === 0 ? "" : `, ${held} of them held`}`;
  const summary = `${several(last + 1, "event")} of ${workspaceId}, chain intact, ${balance}.`;
  return { isIntact: true, report: `${summary}\n${aboutSeals(keys && seal, keyIds.size)}` };
};

const aboutSeals = (seal: NumberedSeal | undefined, keys: number): string => {
  if (!seal) return "Seals were not checked, since no --key is given: a history made anew, or cut off, cannot be seen.";
  const sealed = `${several(seal.number, "seal")}${keys > 1 ? ` by ${keys} keys` : ""}, all genuine`;
  return `${sealed}, one over the last event: at ${seal.sealedAt} none was missing.`;
};
