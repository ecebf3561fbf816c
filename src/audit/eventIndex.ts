import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What has to be known of an event again after those that come later: `refundable` of it, in credits. */
type IndexedEvent = { id: string; chain: string; refundable: number };

/**
 * The events of a ledger by revision, for as long as it is looked through. The newest are in memory and the others in a
 * file of records of one length: so a ledger of any length fits, and the look-up of an event costs one read.
 */
export type EventIndex = Disposable & {
  /** Of the last one; -1 before the first. */
  revision(): number;
  add(event: IndexedEvent): void;
  at(revision: number): IndexedEvent | undefined;
  /** So much of the event there is refundable from now on. */
  setRefundable(revision: number, credits: number): void;
};

const idBytes = 16;
const chainBytes = 32;
const recordBytes = idBytes + chainBytes + 8;
const newestMax = 1_024;

export const eventIndex = (): EventIndex => {
  const newest = Buffer.alloc(newestMax * recordBytes);
  const record = Buffer.alloc(recordBytes);
  let count = 0;
  let stored = 0;
  let file: { descriptor: number; directory: string } | undefined;

  const opened = (): number => {
    if (file) return file.descriptor;
    const directory = mkdtempSync(join(tmpdir(), "everfold-audit-"));
    file = { directory, descriptor: openSync(join(directory, "events"), "w+", 0o600) };
    return file.descriptor;
  };
  const store = (): void => {
    writeSync(opened(), newest, 0, (count - stored) * recordBytes, stored * recordBytes);
    stored = count;
  };
  const read = (revision: number): Buffer => {
    if (revision >= stored) return newest.subarray((revision - stored) * recordBytes);
    readSync(opened(), record, 0, recordBytes, revision * recordBytes);
    return record;
  };

  return {
    revision: () => count - 1,
    add({ id, chain, refundable }) {
      if (count - stored === newestMax) store();
      const offset = (count - stored) * recordBytes;
      newest.write(id.replaceAll("-", ""), offset, idBytes, "hex");
      newest.write(chain, offset + idBytes, chainBytes, "hex");
      newest.writeDoubleBE(refundable, offset + idBytes + chainBytes);
      count += 1;
    },
    at(revision) {
      if (revision < 0 || revision >= count) return undefined;
      const bytes = read(revision);
      return {
        id: uuidOf(bytes.toString("hex", 0, idBytes)),
        chain: bytes.toString("hex", idBytes, idBytes + chainBytes),
        refundable: bytes.readDoubleBE(idBytes + chainBytes),
      };
    },
    setRefundable(revision, credits) {
      const bytes = read(revision);
      bytes.writeDoubleBE(credits, idBytes + chainBytes);
      if (revision < stored) writeSync(opened(), bytes, 0, recordBytes, revision * recordBytes);
    },
    [Symbol.dispose]() {
      if (!file) return;
      closeSync(file.descriptor);
      rmSync(file.directory, { recursive: true, force: true });
    },
  };
};

const uuidOf = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
