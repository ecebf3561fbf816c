import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";
import type { Random } from "../random.ts";

/** A clock that stands still while anything is going on, and then jumps to whatever comes next. */
export type VirtualTime = {
  /** The wall clock, ms since 1970. It can be set. */
  now(): number;
  /** Of the clock that cannot be set, ms since the run began. */
  elapsed(): number;
  /** The next number of a count: what happened earlier has the lower one. */
  tick(): number;
  after(ms: number, happen: () => void): void;
  sleep(ms: number): Promise<void>;
  stepClock(ms: number): void;
  /** Lets time pass until it is so. Throws when nothing will ever happen any more, or too much has. */
  passUntil(isSo: () => boolean): Promise<void>;
};

type Coming = { at: number; order: number; happen: () => void };

const stepsMax = 50_000;

export const virtualTime = (startMs: number): VirtualTime => {
  let elapsed = 0;
  let offset = startMs;
  let ticks = 0;
  let steps = 0;
  let coming: Coming[] = [];

  const after = (ms: number, happen: () => void) => {
    coming.push({ at: elapsed + ms, order: ticks, happen });
    ticks += 1;
  };
  const pass = (next: Coming) => {
    coming = coming.filter((each) => each !== next);
    elapsed = Math.max(elapsed, next.at);
    next.happen();
  };

  return {
    now: () => Math.floor(offset + elapsed),
    elapsed: () => elapsed,
    tick() {
      ticks += 1;
      return ticks;
    },
    after,
    sleep: (ms) => new Promise((resolve) => after(ms, resolve)),
    stepClock(ms) {
      offset += ms;
    },
    async passUntil(isSo) {
      for (;;) {
        await untilNothingMoves();
        if (isSo()) return;
        const next = coming.reduce<Coming | undefined>(earlier, undefined);
        if (!next) throw new Error("somebody waits for what will never happen");
        steps += 1;
        if (steps > stepsMax) throw new Error("it never comes to an end");
        pass(next);
      }
    },
  };
};

const earlier = (first: Coming | undefined, next: Coming): Coming =>
  first && (first.at < next.at || (first.at === next.at && first.order < next.order)) ? first : next;

/** Everything there is waits for time to pass: promises that can settle have done so by then. */
const untilNothingMoves = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const real = {
  setTimeout: timers.setTimeout,
  randomUUID: crypto.randomUUID,
  random: Math.random,
  dateNow: Date.now,
  performanceNow: performance.now,
};

/**
 * Runs `use` with all that code takes from outside coming from `time` and `random`: timers, clocks, chance and ids. For
 * one run at a time.
 */
export const within = async <T>(time: VirtualTime, random: Random, use: () => Promise<T>): Promise<T> => {
  const sleep = async (ms = 0, value?: unknown, { signal }: { signal?: AbortSignal } = {}) => {
    signal?.throwIfAborted();
    await time.sleep(ms);
    return value;
  };
  let ids = 0;
  const nextId = () => {
    ids += 1;
    const count = ids.toString(16).padStart(4, "0");
    return `${hex(random, 8)}-${count}-4${hex(random, 3)}-8${hex(random, 3)}-${hex(random, 12)}`;
  };
  Object.assign(timers, { setTimeout: sleep });
  Object.assign(crypto, { randomUUID: nextId });
  Object.assign(Math, { random: random.next });
  Object.assign(Date, { now: time.now });
  Object.assign(performance, { now: time.elapsed });
  syncBuiltinESMExports();
  try {
    return await use();
  } finally {
    Object.assign(timers, { setTimeout: real.setTimeout });
    Object.assign(crypto, { randomUUID: real.randomUUID });
    Object.assign(Math, { random: real.random });
    Object.assign(Date, { now: real.dateNow });
    Object.assign(performance, { now: real.performanceNow });
    syncBuiltinESMExports();
  }
};

const hex = (random: Random, digits: number): string =>
  Math.floor(random.next() * 16 ** digits)
    .toString(16)
    .padStart(digits, "0");
