import { randomUUID } from "node:crypto";
import { AppendAnswerLost, type Appended } from "./store.ts";
import { decodeAppendAnswer, encodeAppend, type ProposedEvent } from "./wire/appendMessages.ts";
import type { Session } from "./wire/session.ts";

export type BatchAppend = {
  append(stream: string, events: readonly ProposedEvent[], expected: bigint): Promise<Appended | "conflict">;
  /** Takes no more, and ends when what waits has been answered. */
  retire(): void;
  close(): void;
};

type Waiting = {
  resolve(outcome: Appended | "conflict"): void;
  reject(error: Error): void;
  /** On the clock of `Date.now`. */
  deadlineMs: number;
};

/**
 * One BatchAppend call, over which any number of appends travel at once.
 *
 * The client has such a call as well. It keeps all appends of the process in one table: an error of one connection
 * fails those of every other, and the answers that then still come in crash the process. It also writes every event
 * three times, to measure it and as base64.
 *
 * @param onEnd hears once when the call takes no more; in the end all that waits is told that its answer is lost.
 */
export const openBatchAppend = (
  session: Session,
  { timeoutMs, onEnd }: { timeoutMs: number; onEnd: () => void },
): BatchAppend => {
  const { say, end, answers } = session.converse("BatchAppend");
  const waiting = waitingFor(timeoutMs);
  const nextId = correlationIds();
  let isOpen = true;

  const retire = () => {
    if (!isOpen) return;
    isOpen = false;
    end();
    onEnd();
  };
  const listen = async () => {
    for await (const messages of answers) for (const message of messages) waiting.settle(message);
  };
  listen()
    .catch((cause: unknown) => cause)
    .then((cause) => {
      retire();
      waiting.loseAll("the connection ended before the answer came", cause);
    });

  return {
    append: (stream, events, expected) =>
      new Promise((resolve, reject) => {
        if (!isOpen) return reject(new AppendAnswerLost("the connection had ended"));
        const deadlineMs = Date.now() + timeoutMs;
        const correlationId = nextId();
        waiting.add(correlationId, { resolve, reject, deadlineMs });
        say(encodeAppend({ correlationId, stream, expected, deadlineMs, events }));
      }),
    retire,
    close() {
      retire();
      answers.breakOff();
    },
  };
};

/** Nobody but this call compares them: that the first differs from all others is enough. */
const correlationIds = (): (() => string) => {
  const [first, digits] = [randomUUID().slice(0, 24), 12];
  let count = 0;
  return () => {
    count += 1;
    return first + count.toString(16).padStart(digits, "0");
  };
};

/** The appends that have no answer yet, in the order of their deadlines. */
const waitingFor = (timeoutMs: number) => {
  const waiting = new Map<string, Waiting>();
  /** One timer for all: nearly every append is answered long before. */
  let sweeping: NodeJS.Timeout | undefined;

  const lose = (id: string, reason: string, cause?: unknown) => {
    waiting.get(id)?.reject(new AppendAnswerLost(reason, { cause }));
    waiting.delete(id);
  };
  const sweep = () => {
    sweeping = undefined;
    for (const [id, { deadlineMs }] of waiting) {
      if (deadlineMs > Date.now()) return sweepIn(deadlineMs - Date.now());
      lose(id, `no answer within ${timeoutMs} ms`);
    }
  };
  const sweepIn = (ms: number) => {
    sweeping = setTimeout(sweep, ms).unref();
  };

  return {
    add(id: string, append: Waiting): void {
      waiting.set(id, append);
      if (sweeping === undefined) sweepIn(timeoutMs);
    },
    /** An answer may come after its append was given up. */
    settle(message: Buffer): void {
      const { correlationId, outcome } = decodeAppendAnswer(message);
      const append = waiting.get(correlationId);
      waiting.delete(correlationId);
      if (outcome instanceof Error) append?.reject(outcome);
      else append?.resolve(outcome);
    },
    loseAll(reason: string, cause: unknown): void {
      clearTimeout(sweeping);
      for (const id of waiting.keys()) lose(id, reason, cause);
    },
  };
};
