import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { metadataType, metastreamOf } from "../../../src/embedded/eventstore/event.ts";
import { createCommittedIds } from "../../../src/embedded/eventstore/storage/committedIds.ts";
import { openMemoryDatabase } from "../../../src/embedded/eventstore/storage/database.ts";
import { openLog } from "../../../src/embedded/eventstore/storage/log.ts";
import { createStreamMetadata } from "../../../src/embedded/eventstore/streams/metadata.ts";
import { createWrites } from "../../../src/embedded/eventstore/streams/writes.ts";

const event = (type: string, data: object) => ({
  id: randomUUID(),
  type,
  isJson: true,
  data: Buffer.from(JSON.stringify(data)),
  metadata: new Uint8Array(),
});

const appendOf = (stream: string, type: string, data = {}) =>
  ({ kind: "append", stream, expected: "any", events: [event(type, data)] }) as const;

test("metadata that was looked at in a transaction which the disk refused hides nothing afterwards", async () => {
  const log = openLog(openMemoryDatabase());
  onTestFinished(() => log.close());
  const metadata = createStreamMetadata(log);
  const apply = createWrites(log, metadata, createCommittedIds(log));
  log.transaction(() => void apply(appendOf("order-1", "Placed")));
  await log.flush();

  const refused = () =>
    log.transaction(() => {
      apply({ kind: "delete", stream: "order-1", expected: "any" });
      apply(appendOf("order-1", "Placed"));
      throw new Error("The disk is full.");
    });
  expect(refused).toThrow("The disk is full.");
  log.transaction(() => void apply(appendOf(metastreamOf("order-1"), metadataType, { $maxCount: 7 })));
  await log.flush();

  expect(metadata.retention("order-1")).toEqual({ isSoftDeleted: false, maxCount: 7 });
});
