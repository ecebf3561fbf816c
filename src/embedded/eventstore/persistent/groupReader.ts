import type { RecordedEvent } from "../event.ts";
import { type ResolvedEvent, withoutLinks } from "../streams/links.ts";
import { affinityOf } from "./affinity.ts";
import type { Deliveries } from "./deliveries.ts";
import type { GroupConfig } from "./groupConfig.ts";
import type { GroupServices } from "./groupServices.ts";
import { createGroupSource } from "./groupSource.ts";
import type { Message } from "./message.ts";
import type { Replay } from "./replay.ts";

export type GroupReader = {
  /** The stream whose commits may bring something new; undefined for all. */
  readonly listensTo: string | undefined;
  /** Reads up to `limit` messages, replayed ones first. Returns whether there was anything to read. */
  pull(limit: number): boolean;
  /** What a message is about; throws when its record is gone. */
  contentOf(message: Message): ResolvedEvent;
  /** As `contentOf`, of a message that is about to be sent. */
  takeContentOf(message: Message): ResolvedEvent;
  /** Keeps no more in memory than it must. */
  forget(): void;
  /** How many places lie between what was read and the newest event. */
  readonly behind: number;
  readonly hasCaughtUp: boolean;
  /** Where the newest event stands that the group knows of; negative when it knows none. */
  readonly newest: number;
};

/** Makes messages of what a group reads, in the order it reads, and hands them to `deliveries`. */
export function createGroupReader(
  config: GroupConfig,
  startsAfter: number,
  services: GroupServices,
  deliveries: Deliveries,
  replay: Replay,
): GroupReader {
  const { log, resolveLink } = services;
  const source = createGroupSource(config, startsAfter, services);
  const affinity = affinityOf[config.settings.strategy];
  const resolvers = { source: config.settings.resolveLinks ? resolveLink : withoutLinks, parked: resolveLink };
  /** What was just read, so that it need not be read again to be sent. */
  const contents = new Map<Message, ResolvedEvent>();
  let hasCaughtUp = source.behind === 0;

  const add = (origin: Message["origin"], record: RecordedEvent, sequence: number): void => {
    const content = resolvers[origin](record);
    const { id, stream, revision } = record;
    const message: Message = { id, origin, sequence, stream, revision, affinity: affinity(content), retries: 0 };
    contents.set(message, content);
    deliveries.add(message);
  };

  const contentOf = (message: Message): ResolvedEvent => {
    const held = contents.get(message);
    if (held !== undefined) return held;
    const record = log.eventAt(message.stream, message.revision);
    if (record === undefined) throw new Error(`Event ${message.revision} of ${message.stream} is gone.`);
    return resolvers[message.origin](record);
  };

  return {
    listensTo: source.listensTo,
    pull(limit) {
      if (limit < 1) return false;
      if (replay.left > 0) {
        for (const link of replay.next(limit)) add("parked", link, link.revision);
        return true;
      }
      // Asked after every answer: at the end it must not cost a query.
      const page = source.behind === 0 ? undefined : source.next(limit);
      if (page === undefined) {
        hasCaughtUp = true;
        return false;
      }
      for (const event of page.events) {
        if (page.isWanted(event)) add("source", event, source.sequenceOf(event));
        else deliveries.pass(source.sequenceOf(event));
      }
      return true;
    },
    contentOf,
    takeContentOf(message) {
      const content = contentOf(message);
      contents.delete(message);
      return content;
    },
    forget: () => contents.clear(),
    get behind() {
      return source.behind;
    },
    get hasCaughtUp() {
      return hasCaughtUp;
    },
    get newest() {
      return source.newest;
    },
  };
}
