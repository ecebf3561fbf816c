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

export const turnsOf = ({ stream, rightOfWay, isIdle, doubt }: Options): Turns => {
  const self = rightOfWay?.self ?? "";
  /** The others who want turns. */
  const others = new Set<string>();
  /** Whose turn it is. Nobody's: all go on until they meet. */
  let holder: string | undefined;
  let isWanted = false;
  let lastHeardMs = Number.NEGATIVE_INFINITY;
  let lastToldMs = Number.NEGATIVE_INFINITY;
  let overtakenInARow = 0;
  let isTold = false;
  let hasWritten = false;
  let onWord: () => void = () => undefined;

  const tell = (to: string | undefined, wants: boolean): void => {
    lastToldMs = performance.now();
    isWanted = wants;
    isTold = rightOfWay?.tell({ stream, to, wants, wrote: hasWritten }) ?? false;
    hasWritten = false;
  };

  const give = (to: string, wants: boolean): void => {
    holder = to;
    tell(to, wants);
  };

  const pass = (wants: boolean): void => {
    const next = nextAfter(self, others);
    if (holder === self && next !== undefined) give(next, wants);
  };

  const forgetLongAgo = (): void => {
    if (performance.now() - Math.max(lastHeardMs, lastToldMs) < rememberedMs) return;
    others.clear();
    holder = undefined;
  };

  /** Whoever writes unasked claims the turn, to pass it on; of two who both ask it is the first one's by name. */
  const answer = (asker: string): void => {
    const isFree = holder === undefined;
    if (isIdle() && (isFree || holder === self || holder === asker)) give(asker, false);
    else if (isFree) holder = overtakenInARow === 0 || self < asker ? self : asker;
  };

  const takeOver = (): void => {
    if (holder !== undefined) others.delete(holder);
    holder = others.size > 0 ? self : undefined;
    overtakenInARow = Math.min(overtakenInARow, 1);
    doubt();
  };

  /** One who was overtaken once may only have been behind: it goes on at once. */
  const mayGo = () => holder === self || (holder === undefined && overtakenInARow < 2);

  const nextWord = (withinMs: number): Promise<void> =>
    Promise.race([
      delay(withinMs),
      new Promise<void>((resolve) => {
        onWord = resolve;
      }),
    ]);

  return {
    async come() {
      forgetLongAgo();
      if (overtakenInARow > 0 && !isTold) return delay(backoff(overtakenInARow));
      if (holder !== undefined && holder !== self && !isWanted) tell(undefined, true);
      const sinceMs = performance.now();
      while (!mayGo()) {
        const nowMs = performance.now();
        const isSilent = nowMs - Math.max(lastHeardMs, sinceMs) >= silenceMs;
        if (isSilent || nowMs - sinceMs >= patienceMs) return takeOver();
        // A word was lost, or the others go round without it.
        if (nowMs - Math.max(lastToldMs, sinceMs) >= askAgainMs) tell(undefined, true);
        await nextWord(askAgainMs);
      }
    },
    wrote(hasMore) {
      overtakenInARow = 0;
      hasWritten = true;
      pass(hasMore);
    },
    over() {
      overtakenInARow = 0;
      pass(false);
    },
    overtaken() {
      overtakenInARow += 1;
      if (overtakenInARow > 1) holder = undefined;
      tell(undefined, true);
    },
    idle: () => pass(false),
    heard({ from, to, wants, wrote }) {
      forgetLongAgo();
      lastHeardMs = performance.now();
      if (wants) others.add(from);
      else others.delete(from);
      if (wrote) doubt();
      if (to === undefined) answer(from);
      else holder = to;
      // What it tries now it may have begun too early; from here on nobody should be in its way.
      if (to === self) overtakenInARow = 0;
      if (isIdle()) pass(false);
      onWord();
    },
  };
};

/** They go round by their names. */
const nextAfter = (self: string, others: ReadonlySet<string>): string | undefined => {
  const names = [...others].sort();
  return names.find((name) => name > self) ?? names[0];
};

/** Random, so that two processes that met once do not go on meeting. */
const backoff = (attempt: number): number => Math.random() * Math.min(backoffMaxMs, backoffMinMs * 2 ** (attempt - 1));
