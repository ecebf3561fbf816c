import { ANY, StreamDeletedError } from "@eventstore/db-client";
import type { Connection } from "../connection.ts";
import { AppendAnswerLost, EventStoreUnavailable } from "../store.ts";
import type { CopiedEvent } from "./copiedEvent.ts";
import { CopyRefused } from "./place.ts";
import { persistently } from "./storePlace.ts";

/** Events of one stream that follow each other. */
type Run = readonly [CopiedEvent, ...CopiedEvent[]];
type Outcome = "written" | "lost" | CopyRefused;
type Sent = { run: Run; bytes: number; at: number; outcome: Promise<Outcome> };

/**
 * So much is under way at once. A server takes what comes over one call in its order, so that events get the order
 * they are sent in. One that is too busy gives up a write after two seconds, and may by then accept a later one: what
 * is under way is little, and was sent within a short time.
 */
const runsMax = 256;
const bytesMax = 4 << 20;
const sentWithinMs = 200;

export type Appender = {
  /** Resolves when there is room for more: not when the events are written. */
  append(run: Run): Promise<void>;
  /** After everything sent before. The server makes the event; a stream that has it stays as it is. */
  tombstone(stream: string): Promise<void>;
  /** Resolves when everything sent is written. */
  settle(): Promise<void>;
};

/**
 * Appends runs in order, each at the revision before it. Where an answer got lost everything unanswered is sent again,
 * one by one: what was written is recognised by its ids.
 */
export const appenderTo = (name: string, connection: Connection): Appender => {
  const sent: Sent[] = [];
  let bytes = 0;

  const send = async ([first, ...others]: Run): Promise<Outcome> => {
    try {
      const appends = await connection.appends();
      const outcome = await appends.append(first.stream, [first, ...others], first.revision - 1n);
      return outcome === "conflict" ? conflict(name, first) : "written";
    } catch (error) {
      if (error instanceof AppendAnswerLost || error instanceof EventStoreUnavailable) return "lost";
      const reason = error instanceof Error ? error.message : String(error);
      return new CopyRefused(`${first.stream} cannot be written to ${name}: ${reason}`, { cause: error });
    }
  };

  const sendAgain = (run: Run): Promise<Outcome> =>
    persistently(name, async () => {
      const outcome = await send(run);
      if (outcome === "lost") throw new EventStoreUnavailable("no answer to an append");
      return outcome;
    });

  const settleOldest = async (): Promise<void> => {
    const [oldest] = sent;
    if (!oldest) return;
    let outcome = await oldest.outcome;
    if (outcome === "lost") {
      await Promise.all(sent.map((each) => each.outcome));
      for (const each of sent)
        if ((await each.outcome) === "lost") each.outcome = Promise.resolve(await sendAgain(each.run));
      outcome = await oldest.outcome;
    }
    if (outcome instanceof CopyRefused) throw outcome;
    sent.shift();
    bytes -= oldest.bytes;
  };

  const hasRoom = (size: number): boolean => {
    const [oldest] = sent;
    if (!oldest) return true;
    return sent.length < runsMax && bytes + size <= bytesMax && performance.now() - oldest.at < sentWithinMs;
  };

  const settle = async (): Promise<void> => {
    while (sent.length > 0) await settleOldest();
  };

  return {
    settle,
    async append(run) {
      const size = run.reduce((sum, event) => sum + sizeOf(event), 0);
      while (!hasRoom(size)) await settleOldest();
      sent.push({ run, bytes: size, at: performance.now(), outcome: send(run) });
      bytes += size;
    },
    async tombstone(stream) {
      await settle();
      await persistently(name, async () => {
        const client = await connection.client();
        try {
          await client.tombstoneStream(stream, { expectedRevision: ANY });
        } catch (error) {
          if (!(error instanceof StreamDeletedError)) throw error;
        }
      });
    },
  };
};

/** As servers count it that limit the size of an append. */
export const sizeOf = ({ data, metadata, type }: CopiedEvent): number =>
  data.byteLength + metadata.byteLength + 2 * type.length;

const conflict = (name: string, { stream, revision }: CopiedEvent) =>
  new CopyRefused(
    `${stream} in ${name} is not at the revision before ${revision}: something else writes to it. ` +
      "A copy needs the target for itself.",
  );
