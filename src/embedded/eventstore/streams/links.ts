import { linkType, type RecordedEvent } from "../event.ts";
import type { Log } from "../storage/log.ts";
import { firstVisible, type StreamMetadata } from "./metadata.ts";

/** An event as it is sent: `link` is the record that points to it, and `event` is absent when it points to nothing. */
export type ResolvedEvent = { readonly event: RecordedEvent | undefined; readonly link: RecordedEvent | undefined };

export type ResolveLink = (event: RecordedEvent) => ResolvedEvent;

export const withoutLinks: ResolveLink = (event) => ({ event, link: undefined });

// A revision has no more digits than the greatest int64.
const linkText = /^(\d{1,19})@(.+)$/s;

/** Follows a link by one step. A link whose text names no revision is an event like any other. */
export function createLinkResolver(log: Log, metadata: StreamMetadata, now: () => number): ResolveLink {
  return (link) => {
    if (link.type !== linkType) return withoutLinks(link);
    const target = linkText.exec(Buffer.from(link.data).toString());
    const [, revision, stream] = target ?? [];
    if (revision === undefined || stream === undefined) return withoutLinks(link);
    return { event: visibleEvent(stream, Number(revision)), link };
  };

  function visibleEvent(stream: string, revision: number): RecordedEvent | undefined {
    if (metadata.isTombstoned(stream)) return undefined;
    const retention = metadata.retention(stream);
    if (revision < firstVisible(retention, log.head(stream).revision)) return undefined;
    const event = log.eventAt(stream, revision);
    // A link may point ahead, at what is written and may still be lost.
    if (event === undefined || event.position > log.lastPosition) return undefined;
    const isExpired = event.createdMs < now() - (retention.maxAgeMs ?? Number.POSITIVE_INFINITY);
    return isExpired ? undefined : event;
  }
}
