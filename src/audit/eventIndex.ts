import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { Part } from "../domain/credits/lots.ts";

/** What has to be known of an event again after those that come later: `refundable` of it, in credits. */
type IndexedEvent = { id: string; chain: string; refundable: number };
/** `parts`: what a debit took from which lots; none of what is no debit. */
type AddedEvent = IndexedEvent & { parts: readonly Part[] };

/**
 * The events of a ledger by revision, for as long as it is looked through. The newest are in memory and the others in
 * files, one of them of records of one length: so a ledger of any length fits, and looking up an event costs one read.
 */
export type EventIndex = Disposable & {
  /** Of the last one; -1 before the first. */
  revision(): number;
  add(event: AddedEvent): void;
  at(revision: number): IndexedEvent | undefined;
  partsAt(revision: number): readonly Part[];
  /** So much of the event there is refundable from now on. */
  setRefundable(revision: number, credits: number): void;
};

const idBytes = 16;
const chainBytes = 32;
const refundableAt = idBytes + chainBytes;
/** Where the parts are among all parts, and how long they are. */
const partsAt = refundableAt + 8;
const partsLengthAt = partsAt + 8;
const recordBytes = partsLengthAt + 4;
const newestMax = 1_024;

/** Two files of this run's own, made when something has to go there. */
const overflow = () => {
  let files: { records: number; parts: number; directory: string } | undefined;
  return {
    opened() {
      if (files) return files;
      const directory = mkdtempSync(join(tmpdir(), "everfold-audit-"));
      const open = (name: string) => openSync(join(directory, name), "w+", 0o600);
      files = { directory, records: open("events"), parts: open("parts") };
      return files;
    },
    [Symbol.dispose]() {
      if (!files) return;
      closeSync(files.records);
      closeSync(files.parts);
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
  /** The parts of the newest, in their order, and where the first of them begins. */
  let newestParts: Buffer[] = [];
  let partsStored = 0;
  let partsEnd = 0;

  const store = (): void => {
    const { records, parts } = files.opened();
    writeSync(records, newest, 0, (count - stored) * recordBytes, stored * recordBytes);
    writeSync(parts, Buffer.concat(newestParts), 0, partsEnd - partsStored, partsStored);
    stored = count;
    newestParts = [];
    partsStored = partsEnd;
  };
  const read = (revision: number): Buffer => {
    if (revision >= stored) return newest.subarray((revision - stored) * recordBytes);
    readSync(files.opened().records, record, 0, recordBytes, revision * recordBytes);
    return record;
  };

  return {
    revision: () => count - 1,
    add({ id, chain, refundable, parts }) {
      if (count - stored === newestMax) store();
      const offset = (count - stored) * recordBytes;
      newest.write(id.replaceAll("-", ""), offset, idBytes, "hex");
      newest.write(chain, offset + idBytes, chainBytes, "hex");
      newest.writeDoubleBE(refundable, offset + refundableAt);
      const text = Buffer.from(parts.length === 0 ? "" : JSON.stringify(parts));
      newest.writeDoubleBE(partsEnd, offset + partsAt);
      newest.writeUInt32BE(text.length, offset + partsLengthAt);
      newestParts.push(text);
      partsEnd += text.length;
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
    partsAt(revision) {
      if (revision < 0 || revision >= count) return [];
      if (revision >= stored) return partsIn(newestParts[revision - stored]);
      const bytes = read(revision);
      const text = Buffer.alloc(bytes.readUInt32BE(partsLengthAt));
      readSync(files.opened().parts, text, 0, text.length, bytes.readDoubleBE(partsAt));
      return partsIn(text);
    },
    setRefundable(revision, credits) {
      const bytes = read(revision);
      bytes.writeDoubleBE(credits, refundableAt);
      if (revision < stored) writeSync(files.opened().records, bytes, 0, recordBytes, revision * recordBytes);
    },
    [Symbol.dispose]: files[Symbol.dispose],
  };
};

const Parts = z.array(Part);
const partsIn = (text: Buffer | undefined): readonly Part[] =>
  text && text.length > 0 ? Parts.parse(JSON.parse(text.toString())) : [];

const uuidOf = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
