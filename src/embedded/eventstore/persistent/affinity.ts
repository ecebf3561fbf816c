import { linkType, type RecordedEvent } from "../event.ts";
import type { ResolvedEvent } from "../streams/links.ts";
import type { StrategyName } from "./consumerStrategy.ts";

/** What a message has in common with those that are to go to the same consumer. Only pinning strategies ask. */
export const affinityOf: Readonly<Record<StrategyName, (event: ResolvedEvent) => string>> = {
  DispatchToSingle: () => "",
  RoundRobin: () => "",
  Pinned: (resolved) => streamOf(resolved),
  PinnedByCorrelation: (resolved) => correlationOf(resolved.event) ?? streamOf(resolved),
};

function streamOf({ event, link }: ResolvedEvent): string {
  const record = event ?? link;
  if (record === undefined) return "";
  if (record.type !== linkType) return record.stream;
  const target = Buffer.from(record.data).toString();
  return target.slice(target.indexOf("@") + 1);
}

function correlationOf(event: RecordedEvent | undefined): string | undefined {
  if (event === undefined || event.metadata.length === 0) return undefined;
  try {
    const metadata: unknown = JSON.parse(Buffer.from(event.metadata).toString());
    if (typeof metadata !== "object" || metadata === null || !("$correlationId" in metadata)) return undefined;
    return typeof metadata.$correlationId === "string" ? metadata.$correlationId : undefined;
  } catch {
    return undefined;
  }
}
