import { metastreamOf } from "../event.ts";
import type { Log } from "../storage/log.ts";
import { firstVisible, type StreamMetadata } from "../streams/metadata.ts";
import type { GroupConfig, GroupName, GroupSettings } from "./groupConfig.ts";
import type { GroupServices } from "./groupServices.ts";
import type { Mark } from "./lowWaterMark.ts";
import { placeFromText, placeText } from "./place.ts";
import { appendTo, checkpointEvent, checkpointStream, metadataEvent } from "./systemEvents.ts";

const checkpointsKept = 2;

type Cadence = Pick<GroupSettings, "minCheckpointCount" | "maxCheckpointCount" | "checkpointAfterMs">;

/** Whether a checkpoint is worth a write, `progress` events and `elapsedMs` after the one before it. */
export function isCheckpointDue(progress: number, elapsedMs: number, isTick: boolean, cadence: Cadence): boolean {
  if (progress < 1) return false;
  if (progress >= cadence.maxCheckpointCount) return true;
  return isTick && isWorthWaitingFor(progress, cadence) && elapsedMs >= cadence.checkpointAfterMs;
}

const isWorthWaitingFor = (progress: number, { minCheckpointCount, checkpointAfterMs }: Cadence): boolean =>
  progress >= Math.max(1, minCheckpointCount) && checkpointAfterMs > 0;

/** Where the group got to before, or undefined when it was never recorded, or by one that was deleted. */
export function loadCheckpoint(log: Log, metadata: StreamMetadata, name: GroupName): number | undefined {
  const stream = checkpointStream(name);
  const { revision } = log.head(stream);
  if (revision < firstVisible(metadata.retention(stream), revision)) return undefined;
  const event = log.eventAt(stream, revision);
  return event && placeFromText(name.source, Buffer.from(event.data).toString().replaceAll('"', ""));
}

export type Checkpoints = {
  /** The newest one that is durable. */
  readonly last: number | undefined;
  /** Writes one when it is due, unless one is being written; then the next occasion makes up for it. */
  consider(mark: Mark, isTick: boolean): void;
  /** Whether time alone will make one due. */
  isPending(mark: Mark): boolean;
};

export function createCheckpoints(
  { settings: cadence, ...name }: GroupConfig,
  loaded: number | undefined,
  { metadata, writer, nowMs, onFailure }: GroupServices,
): Checkpoints {
  const stream = checkpointStream(name);
  let last = loaded;
  let count = 0;
  let triedAtMs = nowMs();
  let isWriting = false;
  let hasFailed = false;

  const write = async ({ sequence }: Mark): Promise<void> => {
    const hasRetention = metadata.retention(stream).maxCount === checkpointsKept;
    await Promise.all([
      hasRetention || appendTo(writer, metastreamOf(stream), metadataEvent({ $maxCount: checkpointsKept })),
      appendTo(writer, stream, checkpointEvent(placeText(name.source, sequence))),
    ]);
  };

  const record = async (mark: Mark): Promise<void> => {
    isWriting = true;
    triedAtMs = nowMs();
    try {
      await write(mark);
      last = mark.sequence;
      count = mark.count;
      hasFailed = false;
    } catch (error) {
      hasFailed = true;
      onFailure(error);
    } finally {
      isWriting = false;
    }
  };

  return {
    get last() {
      return last;
    },
    consider(mark, isTick) {
      // What the database refused is tried again at its leisure, not with every answer of a consumer.
      if (isWriting || mark.sequence < 0 || (hasFailed && !isTick)) return;
      if (isCheckpointDue(mark.count - count, nowMs() - triedAtMs, isTick, cadence)) void record(mark);
    },
    isPending: (mark) => isWriting || hasFailed || isWorthWaitingFor(mark.count - count, cadence),
  };
}
