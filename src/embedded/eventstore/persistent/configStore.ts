import { metastreamOf, noRevision } from "../event.ts";
import { fromJson, type GroupConfig, toJson } from "./groupConfig.ts";
import type { GroupServices } from "./groupServices.ts";
import { appendTo, configEvent, configStream, metadataEvent } from "./systemEvents.ts";

const configMetastream = metastreamOf(configStream);
const versionsKept = 2;

type ConfigStore = {
  /** The groups as they were saved last. */
  load(): readonly GroupConfig[];
  /** Resolves once all groups, as they are when they are written, are durable. */
  save(): Promise<void>;
};

/**
 * All groups are kept in one event. Changes that come while one is being written are written together, so that making
 * many groups at once costs few writes.
 */
export function createConfigStore(
  { log, writer, onFailure }: GroupServices,
  current: () => Iterable<GroupConfig>,
): ConfigStore {
  let running: Promise<unknown> = Promise.resolve();
  let queued: Promise<void> | undefined;

  const write = async (): Promise<void> => {
    queued = undefined;
    const isFirst = log.head(configMetastream).revision === noRevision;
    await Promise.all([
      appendTo(writer, configStream, configEvent(toJson(current()))),
      isFirst && appendTo(writer, configMetastream, metadataEvent({ $maxCount: versionsKept })),
    ]);
  };

  return {
    load: () => {
      const newest = log.head(configStream).revision;
      for (let revision = newest; revision > newest - versionsKept && revision > noRevision; revision -= 1) {
        const event = log.eventAt(configStream, revision);
        if (event === undefined) continue;
        try {
          return fromJson(Buffer.from(event.data).toString());
        } catch (cause) {
          onFailure(new Error(`Revision ${revision} of ${configStream} cannot be read.`, { cause }));
        }
      }
      return [];
    },
    save: () => {
      if (queued === undefined) {
        queued = running.then(write);
        running = queued.catch(() => {});
      }
      return queued;
    },
  };
}
