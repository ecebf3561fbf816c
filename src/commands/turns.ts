import { setTimeout as delay } from "node:timers/promises";

/** What a process tells the others that write to a stream. */
export type Word = {
  stream: string;
  from: string;
  /** Whose turn it is from now on. Without it `from` asks for one. */
  to: string | undefined;
  /** Whether `from` wants another turn after that. */
  wants: boolean;
  /** Whether `from` has written since its last word. */
  wrote: boolean;
};

/**
 * How writers of one stream in several processes let each other through. Nothing rests on it: words may get lost, come
 * late or twice, and what is appended out of turn is refused by the revision it expects, or is in order.
 */
export type RightOfWay = {
  self: string;
  /** False when nobody can be told anything for now. */
  tell(word: Omit<Word, "from">): boolean;
  hear(onHeard: (word: Word) => void, signal: AbortSignal): Promise<void>;
};

/** Whose turn it is to write to one stream. Nobody is waited for where no other process has been met. */
export type Turns = {
  /** Ends when this process should go on: it is its turn, or nobody says that it is somebody else's. */
  come(): Promise<void>;
  /** It has written: the next one is told so, and whether there will be more of it soon. */
  wrote(hasMore: boolean): void;
  /** It has done what it could without writing. */
  over(): void;
  /** Another one has written where this one wanted to. */
  overtaken(): void;
  /** It has nothing to write for now. */
  idle(): void;
  heard(word: Word): void;
};

type Options = {
  stream: string;
  rightOfWay: Pick<RightOfWay, "self" | "tell"> | undefined;
  isIdle(): boolean;
  /** Others have written, or may have. */
  doubt(): void;
};

/** Longer than a turn takes, mostly. */
const askAgainMs = 20;
/** Where nobody says anything for so long, whoever has the turn has lost it. */
const silenceMs = 100;
/** However much the others have to say, so long at most one is waited for. */
const patienceMs = 5 * silenceMs;
/** After so long without a word the others have gone elsewhere. */
const rememberedMs = 10_000;
const backoffMinMs = 2;
const backoffMaxMs = 100;

/** What is known of the others at one stream. */
type Meeting = Options & {
  self: string;
  /** The others who want turns. */
  others: Set<string>;
  /** Whose turn it is. Nobody's: all go on until they meet. */
  holder: string | undefined;
  isWanted: boolean;
  isTold: boolean;
  hasWritten: boolean;
  overtakenInARow: number;
  lastHeardMs: number;
  lastToldMs: number;
};

export const turnsOf = (options: Options): Turns => {
  const meeting = meetingOf(options);
  let onWord: () => void = () => undefined;
  const nextWord = (withinMs: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    onWord = resolve;
    return Promise.race([delay(withinMs), promise]);
  };

  return {
    async come() {
      forgetLongAgo(meeting);
      if (meeting.overtakenInARow > 0 && !meeting.isTold) return delay(backoff(meeting.overtakenInARow));
      if (!mayGo(meeting) && meeting.holder !== undefined && !meeting.isWanted) tell(meeting, undefined, true);
      const sinceMs = performance.now();
      while (!mayGo(meeting)) {
        const nowMs = performance.now();
        const isSilent = nowMs - Math.max(meeting.lastHeardMs, sinceMs) >= silenceMs;
        if (isSilent || nowMs - sinceMs >= patienceMs) return takeOver(meeting);
        // A word was lost, or the others go round without it.
        if (nowMs - Math.max(meeting.lastToldMs, sinceMs) >= askAgainMs) tell(meeting, undefined, true);
        await nextWord(askAgainMs);
      }
    },
    wrote(hasMore) {
      meeting.overtakenInARow = 0;
      meeting.hasWritten = true;
      pass(meeting, hasMore);
    },
    over() {
      meeting.overtakenInARow = 0;
      pass(meeting, false);
    },
    overtaken() {
      meeting.overtakenInARow += 1;
      if (meeting.overtakenInARow > 1) meeting.holder = undefined;
      tell(meeting, undefined, true);
    },
    idle: () => pass(meeting, false),
    heard(word) {
      hear(meeting, word);
      onWord();
    },
  };
};

const meetingOf = (options: Options): Meeting => ({
  ...options,
  self: options.rightOfWay?.self ?? "",
  others: new Set(),
  holder: undefined,
  isWanted: false,
  isTold: false,
  hasWritten: false,
  overtakenInARow: 0,
  lastHeardMs: Number.NEGATIVE_INFINITY,
  lastToldMs: Number.NEGATIVE_INFINITY,
});

/** One who was overtaken once may only have been behind: it goes on at once. */
const mayGo = ({ holder, self, overtakenInARow }: Meeting): boolean =>
  holder === self || (holder === undefined && overtakenInARow < 2);

const tell = (meeting: Meeting, to: string | undefined, wants: boolean): void => {
  const { stream, rightOfWay, hasWritten } = meeting;
  meeting.lastToldMs = performance.now();
  meeting.isWanted = wants;
  meeting.isTold = rightOfWay?.tell({ stream, to, wants, wrote: hasWritten }) ?? false;
  meeting.hasWritten = false;
};

const give = (meeting: Meeting, to: string, wants: boolean): void => {
  meeting.holder = to;
  tell(meeting, to, wants);
};

const pass = (meeting: Meeting, wants: boolean): void => {
  const next = nextAfter(meeting.self, meeting.others);
  if (meeting.holder === meeting.self && next !== undefined) give(meeting, next, wants);
};

const hear = (meeting: Meeting, { from, to, wants, wrote }: Word): void => {
  forgetLongAgo(meeting);
  meeting.lastHeardMs = performance.now();
  if (wants) meeting.others.add(from);
  else meeting.others.delete(from);
  if (wrote) meeting.doubt();
  if (to === undefined) answer(meeting, from);
  else meeting.holder = to;
  // What it tries now it may have begun too early; from here on nobody should be in its way.
  if (to === meeting.self) meeting.overtakenInARow = 0;
  if (meeting.isIdle()) pass(meeting, false);
};

/** Whoever writes unasked claims the turn, to pass it on; of two who both ask it is the first one's by name. */
const answer = (meeting: Meeting, asker: string): void => {
  const { holder, self } = meeting;
  const isFree = holder === undefined;
  if (meeting.isIdle() && (isFree || holder === self || holder === asker)) give(meeting, asker, false);
  else if (isFree) meeting.holder = meeting.overtakenInARow === 0 || self < asker ? self : asker;
};

const takeOver = (meeting: Meeting): void => {
  if (meeting.holder !== undefined) meeting.others.delete(meeting.holder);
  meeting.holder = meeting.others.size > 0 ? meeting.self : undefined;
  meeting.overtakenInARow = Math.min(meeting.overtakenInARow, 1);
  meeting.doubt();
};

const forgetLongAgo = (meeting: Meeting): void => {
  if (performance.now() - Math.max(meeting.lastHeardMs, meeting.lastToldMs) < rememberedMs) return;
  meeting.others.clear();
  meeting.holder = undefined;
};

/** They go round by their names. */
const nextAfter = (self: string, others: ReadonlySet<string>): string | undefined => {
  const names = [...others].sort();
  return names.find((name) => name > self) ?? names[0];
};

/** Random, so that two processes that met once do not go on meeting. */
const backoff = (attempt: number): number => Math.random() * Math.min(backoffMaxMs, backoffMinMs * 2 ** (attempt - 1));
