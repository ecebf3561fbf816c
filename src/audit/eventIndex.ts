import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { Charge } from "../domain/credits/budget.ts";
import { Part } from "../domain/credits/lots.ts";

/** What has to be known of an event again after those that come later: `refundable` of it, in credits. */
type IndexedEvent = { id: string; chain: string; refundable: number };
/** What a debit took from which lots, and the budgets it counts in; null for what is no debit. */
export type Taking = { parts: readonly Part[]; charges: readonly Charge[] };
type AddedEvent = IndexedEvent & { taking: Taking | null };

/**
 * The events of a ledger by revision, for as long as it is looked through. The newest are in memory and the others in
 * files, one of them of records of one length: so a ledger of any length fits, and looking up an event costs one read.
 */
export type EventIndex = Disposable & {
  /** Of the last one; -1 before the first. */
  revision(): number;
  add(event: AddedEvent): void;
  at(revision: number): IndexedEvent | undefined;
  takingAt(revision: number): Taking | null;
  /** So much of the event there is refundable from now on. */
  setRefundable(revision: number, credits: number): void;
};

const idBytes = 16;
const chainBytes = 32;
const refundableAt = idBytes + chainBytes;
/** Where what was taken is among all of that, and how long it is. */
const takingAt = refundableAt + 8;
const takingLengthAt = takingAt + 8;
const recordBytes = takingLengthAt + 4;
const newestMax = 1_024;

/** Two files of this run's own, made when something has to go there. */
const overflow = () => {
  let files: { records: number; takings: number; directory: string } | undefined;
  return {
    opened() {
      if (files) return files;
      const directory = mkdtempSync(join(tmpdir(), "everfold-audit-"));
      const open = (name: string) => openSync(join(directory, name), "w+", 0o600);
      files = { directory, records: open("events"), takings: open("takings") };
      return files;
    },
    [Symbol.dispose]() {
      if (!files) return;
      closeSync(files.records);
      closeSync(files.takings);
      rmSync(files.directory, { recursive: true, force: true });
    },
  };
};

export const eventIndex = (): EventIndex => {
  const newest = Buffer.alloc(newestMax * recordBytes);
  const record = Buffer.alloc(recordBytes);
  const files = overflow();
  let count = 0;
  let stored = 0;
  /** What the newest took, in their order, and where the first of that begins. */
  let newestTakings: Buffer[] = [];
  let takingsStored = 0;
  let takingsEnd = 0;

  const store = (): void => {
    const { records, takings } = files.opened();
    writeSync(records, newest, 0, (count - stored) * recordBytes, stored * recordBytes);
    writeSync(takings, Buffer.concat(newestTakings), 0, takingsEnd - takingsStored, takingsStored);
    stored = count;
    newestTakings = [];
    takingsStored = takingsEnd;
  };
  const read = (revision: number): Buffer => {
    if (revision >= stored) return newest.subarray((revision - stored) * recordBytes);
    readSync(files.opened().records, record, 0, recordBytes, revision * recordBytes);
    return record;
  };

  return {
    revision: () => count - 1,
    add({ id, chain, refundable, taking }) {
      if (count - stored === newestMax) store();
      const offset = (count - stored) * recordBytes;
      newest.write(id.replaceAll("-", ""), offset, idBytes, "hex");
      newest.write(chain, offset + idBytes, chainBytes, "hex");
      newest.writeDoubleBE(refundable, offset + refundableAt);
      const text = Buffer.from(taking === null ? "" : JSON.stringify(taking));
      newest.writeDoubleBE(takingsEnd, offset + takingAt);
      newest.writeUInt32BE(text.length, offset + takingLengthAt);
      newestTakings.push(text);
      takingsEnd += text.length;
      count += 1;
    },
    at(revision) {
      if (revision < 0 || revision >= count) return undefined;
      const bytes = read(revision);
      return {
        id: uuidOf(bytes.toString("hex", 0, idBytes)),
        chain: bytes.toString("hex", idBytes, refundableAt),
        refundable: bytes.readDoubleBE(refundableAt),
      };
    },
    takingAt(revision) {
      if (revision < 0 || revision >= count) return null;
      if (revision >= stored) return takingIn(newestTakings[revision - stored]);
      const bytes = read(revision);
      const text = Buffer.alloc(bytes.readUInt32BE(takingLengthAt));
      readSync(files.opened().takings, text, 0, text.length, bytes.readDoubleBE(takingAt));
      return takingIn(text);
    },
    setRefundable(revision, credits) {
      const bytes = read(revision);
      bytes.writeDoubleBE(credits, refundableAt);
      if (revision < stored) writeSync(files.opened().records, bytes, 0, recordBytes, revision * recordBytes);
    },
    [Symbol.dispose]: files[Symbol.dispose],
  };
};

const StoredTaking = z.object({ parts: z.array(Part), charges: z.array(Charge) });
const takingIn = (text: Buffer | undefined): Taking | null =>
  text && text.length > 0 ? StoredTaking.parse(JSON.parse(text.toString())) : null;

const uuidOf = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
