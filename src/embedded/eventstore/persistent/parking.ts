import type { ResolvedEvent } from "../links.ts";
import type { Writer } from "../writer.ts";
import type { GroupName } from "./groupConfig.ts";
import type { Message } from "./message.ts";
import { appendTo, parkedEvent, parkedStream } from "./systemEvents.ts";

/** Sets a message aside for somebody to look at. Resolves when that is durable. */
export async function park(
  writer: Writer,
  name: GroupName,
  message: Message,
  content: ResolvedEvent,
  reason: string,
): Promise<void> {
  const circumstances = { added: new Date().toISOString(), reason, subscriptionEventNumber: message.revision };
  await appendTo(writer, parkedStream(name), parkedEvent(targetOf(content), circumstances));
}

// What points to nothing is parked as it is, so that it can be replayed should its target come back.
function targetOf({ event, link }: ResolvedEvent): string {
  return event === undefined ? Buffer.from(link?.data ?? []).toString() : `${event.revision}@${event.stream}`;
}
