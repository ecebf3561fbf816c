import type { ResolvedEvent } from "../streams/links.ts";
import type { Parking } from "./answers.ts";
import type { Deliveries } from "./deliveries.ts";
import type { GroupName } from "./groupConfig.ts";
import type { GroupServices } from "./groupServices.ts";
import type { Message } from "./message.ts";
import { appendTo, parkedEvent, parkedStream } from "./systemEvents.ts";

/** Sets messages aside for somebody to look at; each counts as unhandled until that is durable. */
export function createParking(
  name: GroupName,
  contentOf: (message: Message) => ResolvedEvent,
  deliveries: Deliveries,
  { writer, onFailure }: GroupServices,
  onSettled: () => void,
) {
  const stream = parkedStream(name);
  let underWay = 0;

  const park = async ({ message, reason }: Parking): Promise<void> => {
    const circumstances = { added: new Date().toISOString(), reason, subscriptionEventNumber: message.revision };
    underWay += 1;
    try {
      await appendTo(writer, stream, parkedEvent(targetOf(contentOf(message)), circumstances));
      deliveries.settled(message);
    } catch (error) {
      deliveries.restore(message);
      onFailure(error);
    }
    underWay -= 1;
    onSettled();
  };

  return {
    get isBusy() {
      return underWay > 0;
    },
    add: (parkings: readonly Parking[]): void => {
      for (const parking of parkings) void park(parking);
    },
  };
}

// What points to nothing is parked as it is, so that it can be replayed should its target come back.
function targetOf({ event, link }: ResolvedEvent): string {
  return event === undefined ? Buffer.from(link?.data ?? []).toString() : `${event.revision}@${event.stream}`;
}
