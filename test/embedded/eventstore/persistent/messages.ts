import type { Message } from "../../../../src/embedded/eventstore/persistent/message.ts";

/** The message about an event of the source, which carries its place as its name. */
export const messageAt = (sequence: number, changes: Partial<Message> = {}): Message => ({
  id: `event-${sequence}`,
  origin: "source",
  sequence,
  stream: "order-1",
  revision: sequence,
  affinity: "order-1",
  retries: 0,
  ...changes,
});

export const parkedAt = (sequence: number): Message =>
  messageAt(sequence, { id: `parked-${sequence}`, origin: "parked", stream: "parked" });
