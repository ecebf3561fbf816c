import { randomUUID } from "node:crypto";
import { linkType, metadataType, type ProposedEvent } from "../event.ts";
import type { Writer } from "../streams/writer.ts";
import { type GroupName, groupKey } from "./groupConfig.ts";

export const configStream = "$persistentSubscriptionConfig";
export const checkpointStream = (name: GroupName): string => `$persistentsubscription-${groupKey(name)}-checkpoint`;
export const parkedStream = (name: GroupName): string => `$persistentsubscription-${groupKey(name)}-parked`;

const nothing = new Uint8Array();

const jsonEvent = (type: string, json: string): ProposedEvent => ({
  id: randomUUID(),
  type,
  isJson: true,
  data: Buffer.from(json),
  metadata: nothing,
});

export const configEvent = (json: string): ProposedEvent => jsonEvent("$PersistentConfig", json);

export const checkpointEvent = (place: string): ProposedEvent =>
  jsonEvent("$SubscriptionCheckpoint", JSON.stringify(place));

export const metadataEvent = (metadata: object): ProposedEvent => jsonEvent(metadataType, JSON.stringify(metadata));

/** A link to what was parked, with the circumstances as its metadata. */
export const parkedEvent = (target: string, circumstances: object): ProposedEvent => ({
  id: randomUUID(),
  type: linkType,
  isJson: false,
  data: Buffer.from(target),
  metadata: Buffer.from(JSON.stringify(circumstances)),
});

/** Returns the position once the event is durable, and throws when it was not written. */
export async function appendTo(writer: Writer, stream: string, event: ProposedEvent): Promise<void> {
  const outcome = await writer.write({ kind: "append", stream, expected: "any", events: [event] });
  if (outcome.kind !== "written") throw new Error(`Nothing can be written to ${stream}: ${outcome.kind}.`);
}
