import { randomUUID } from "node:crypto";
import { AppendAnswerLost, type Appended, EventStoreUnavailable } from "./store.ts";
import { decodeAppendAnswer, encodeAppend, type ProposedEvent } from "./wire/appendMessages.ts";
import type { Session } from "./wire/session.ts";

export type BatchAppend = {
  append(stream: string, events: readonly ProposedEvent[], expected: bigint): Promise<Appended | "conflict">;
  /** Takes no more, and ends when what waits has been answered or given up. */
  retire(): void;
  close(): void;
};

type Waiting = {
  resolve(outcome: Appended | "conflict"): void;
  reject(error: Error): void;
  /** On the clock of `performance.now`, which nobody can set back. */
  givenUpAtMs: number;
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
  const { say, answers } = session.converse("BatchAppend");
  let isOpen = true;
  // EventStoreDB looks whether its caller has ended the call only after it has written an answer: with nothing to
  // answer the call stays open for ever, and with more than one the others are not answered. So it is never ended.
  const waiting = waitingFor(timeoutMs, () => {
    if (!isOpen) answers.breakOff();
  });

  const retire = () => {
    if (!isOpen) return;
    isOpen = false;
    onEnd();
    if (waiting.isEmpty()) answers.breakOff();
  };
  const settle = (message: Buffer) => {
    // The node is not ready, or not the leader any more: the next connection looks for the one that is.
    if (waiting.settle(message) instanceof EventStoreUnavailable) retire();
  };
  const listen = async () => {
    for await (const messages of answers) for (const message of messages) settle(message);
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
        const correlationId = waiting.add({ resolve, reject, givenUpAtMs: performance.now() + timeoutMs });
        say(encodeAppend({ correlationId, stream, expected, deadlineMs: Date.now() + timeoutMs, events }));
      }),
    retire,
    close() {
      retire();
      answers.breakOff();
    },
  };
};

/** So many slots of what is settled stay in front of the first that waits: to cut them off costs what is left. */
const settledMax = 1_024;

/**
 * The appends that have no answer yet, in the order they were sent, which is that of their deadlines. Their correlation
 * ids are counted: nobody but this call compares them, so that the first part differs from all others' is enough.
 *
 * Not a Map: V8 ties each table that a Map has outgrown to the next one, so that after a full collection everything
 * that ever waited stays until the one after that, and each young collection takes ten times as long.
 */
const waitingFor = (timeoutMs: number, onEmpty: () => void) => {
  const [idStart, countDigits] = [randomUUID().slice(0, 24), 12];
  const waiting: (Waiting | undefined)[] = [];
  /** How many were sent before the first slot. */
  let gone = 0;
  /** The slot of the first that waits. */
  let first = 0;
  /** One timer for all: nearly every append is answered long before. */
  let sweeping: NodeJS.Timeout | undefined;

  const isEmpty = () => first === waiting.length;
  const take = (index: number): Waiting | undefined => {
    const append = waiting[index];
    if (!append) return undefined;
    waiting[index] = undefined;
    while (!isEmpty() && waiting[first] === undefined) first += 1;
    if (isEmpty() || (first > settledMax && first > waiting.length / 2)) {
      waiting.splice(0, first);
      gone += first;
      first = 0;
    }
    if (isEmpty()) onEmpty();
    return append;
  };
  const loseFirst = (reason: string, cause?: unknown) => take(first)?.reject(new AppendAnswerLost(reason, { cause }));
  const sweep = () => {
    sweeping = undefined;
    for (let oldest = waiting[first]; oldest; oldest = waiting[first]) {
      const leftMs = oldest.givenUpAtMs - performance.now();
      if (leftMs > 0) return sweepIn(leftMs);
      loseFirst(`no answer within ${timeoutMs} ms`);
    }
  };
  const sweepIn = (ms: number) => {
    sweeping = setTimeout(sweep, Math.ceil(ms)).unref();
  };

  return {
    isEmpty,
    /** @returns its correlation id */
    add(append: Waiting): string {
      const count = gone + waiting.push(append) - 1;
      if (sweeping === undefined) sweepIn(timeoutMs);
      return idStart + count.toString(16).padStart(countDigits, "0");
    },
    /** An answer may come after its append was given up. */
    settle(message: Buffer): Appended | "conflict" | Error {
      const { correlationId, outcome } = decodeAppendAnswer(message);
      const append = take(Number.parseInt(correlationId.slice(idStart.length), 16) - gone);
      if (outcome instanceof Error) append?.reject(outcome);
      else append?.resolve(outcome);
      return outcome;
    },
    loseAll(reason: string, cause: unknown): void {
      clearTimeout(sweeping);
      while (!isEmpty()) loseFirst(reason, cause);
    },
  };
};
