import { type Content, contentOf, gaplessness } from "./content.ts";
import { type CopiedEvent, isMetastream, nameOf } from "./copiedEvent.ts";
import { type ChainReport, type LedgerOf, ledgerChains } from "./ledgerChains.ts";
import { metadataScales, type PresentMetadata } from "./metadataScales.ts";
import type { Place, Reading } from "./place.ts";
import { unlike } from "./unlike.ts";

/** What of a source a target holds already. */
export type Present = {
  /** So many of the first events that describe no stream. */
  events: number;
  metadata: PresentMetadata;
};

export type Comparison = {
  /** Both as far as they were read, which is to the end where there is no difference. */
  source: Content;
  target: Content;
  /** In words, where the target holds something that is not the source's. */
  difference: string | undefined;
  /** The first event, in words, that only the source holds; everything before it is in both. */
  missing: string | undefined;
  present: Present;
  /** Of the ledgers in the target. */
  chains: ChainReport;
};

type Options = {
  ledgerOf: LedgerOf;
  /** Hears how far the source was read. */
  onReading?: (reading: Reading) => void;
  /** Sees every event of the source. */
  onSource?: (event: CopiedEvent) => void;
};

/**
 * Reads two places side by side. Both must hold the same events in the same order; those that describe a stream, the
 * same ones in the same order among themselves. Memory grows with the number of streams, not with that of events.
 *
 * Errors: `CopyRefused` for a source whose streams have gaps.
 */
export const compare = async (source: Place, target: Place, options: Options): Promise<Comparison> => {
  const described = metadataScales();
  const [sourceContent, targetContent] = [contentOf(), contentOf()];
  const mustFollow = gaplessness();
  const chains = ledgerChains(options.ledgerOf);
  const wantedEvents = undescribing(source.events(options.onReading), described.source, (event) => {
    mustFollow(event);
    sourceContent.add(event);
    options.onSource?.(event);
  });
  const foundEvents = undescribing(target.events(), described.target, (event) => {
    targetContent.add(event);
    chains.add(event);
  });
  const { count, difference, missing } = await sideBySide(wantedEvents, foundEvents, {
    named: { source: source.name, target: target.name },
    described,
  });
  const [missingMetadata, extraMetadata] = [described.missing(), described.extra()];
  return {
    source: sourceContent.content(),
    target: targetContent.content(),
    difference:
      difference ?? (extraMetadata && `${target.name} has ${nameOf(extraMetadata)} and ${source.name} has not`),
    missing: missing ?? (missingMetadata && nameOf(missingMetadata)),
    present: { events: count, metadata: described.present },
    chains: chains.report(),
  };
};

/** What describes streams is handed to `onMetadata` on the way. */
async function* undescribing(
  events: AsyncIterable<CopiedEvent>,
  onMetadata: (event: CopiedEvent) => void,
  onEvent: (event: CopiedEvent) => void,
): AsyncGenerator<CopiedEvent, undefined> {
  for await (const event of events) {
    onEvent(event);
    if (isMetastream(event.stream)) onMetadata(event);
    else yield event;
  }
}

type Pair = { named: Record<"source" | "target", string>; described: ReturnType<typeof metadataScales> };

const sideBySide = async (
  source: AsyncGenerator<CopiedEvent, undefined>,
  target: AsyncGenerator<CopiedEvent, undefined>,
  { named, described }: Pair,
) => {
  const both = () => Promise.all([source.next(), target.next()]);
  try {
    let count = 0;
    let [{ value: wanted }, { value: found }] = await both();
    for (; wanted && found; [{ value: wanted }, { value: found }] = await both()) {
      const difference = described.difference() ?? differenceOf(wanted, found, named);
      if (difference) return { count, difference, missing: undefined };
      count += 1;
    }
    const missing = wanted && nameOf(wanted);
    if (!found) described.targetIsOver();
    while (wanted && !described.difference()) wanted = (await source.next()).value;
    const extra = found && `${named.target} goes on with ${nameOf(found)}, where ${named.source} ends`;
    return { count, difference: described.difference() ?? extra, missing };
  } finally {
    await Promise.all([source.return(undefined), target.return(undefined)]);
  }
};

const differenceOf = (wanted: CopiedEvent, found: CopiedEvent, named: Pair["named"]): string | undefined => {
  const what = unlike(wanted, found);
  if (what === undefined) return undefined;
  return what === "place"
    ? `where ${named.source} has ${nameOf(wanted)}, ${named.target} has ${nameOf(found)}`
    : `${nameOf(wanted)} has another ${what} in ${named.target} than in ${named.source}`;
};
