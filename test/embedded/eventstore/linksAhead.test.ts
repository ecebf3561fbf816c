import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { linkType } from "../../../src/embedded/eventstore/event.ts";
import { openMemoryDatabase } from "../../../src/embedded/eventstore/storage/database.ts";
import { openLog } from "../../../src/embedded/eventstore/storage/log.ts";
import { createLinkResolver } from "../../../src/embedded/eventstore/streams/links.ts";
import { createStreamMetadata } from "../../../src/embedded/eventstore/streams/metadata.ts";

const event = (type: string, text = "{}") => ({
  id: randomUUID(),
  type,
  isJson: false,
  data: Buffer.from(text),
  metadata: new Uint8Array(),
});

test("a link that points ahead shows its event when that is durable, and not before", async () => {
  const log = openLog(openMemoryDatabase());
  onTestFinished(() => log.close());
  const resolve = createLinkResolver(log, createStreamMetadata(log), Date.now);
  const [link] = log.transaction(() => void log.write("links", 0, [event(linkType, "0@order")]));
  await log.flush();
  if (link === undefined) throw new Error("The link was not written.");

  log.transaction(() => void log.write("order", 0, [event("Placed")]));
  expect(resolve(link)).toEqual({ event: undefined, link });
  await log.flush();
  expect(resolve(link)).toMatchObject({ event: { stream: "order", type: "Placed" }, link });
});
