import { setFlagsFromString } from "node:v8";
import { createContext, Script } from "node:vm";
import { invalidArgument } from "../errors.ts";

const patternLengthMax = 1_000;
const pageBudgetMs = 250;

/** Tells for each subject of a page whether it matches. Throws INVALID_ARGUMENT when the pattern takes too long. */
type BoundedRegex = (subjects: readonly string[]) => boolean[];

/** Runs once, before the first pattern is compiled: V8 then falls back to its linear engine when it backtracks much. */
export function enableLinearRegex(): void {
  setFlagsFromString("--enable-experimental-regexp-engine");
  setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
}

/**
 * A caller's regular expression, bounded in time. V8 runs most patterns at full speed and, once they backtrack too
 * often, in linear time. The rest (lookaround, back references, nested counts) run under a time budget a page.
 */
export function boundedRegex(pattern: string): BoundedRegex {
  if (pattern.length > patternLengthMax)
    throw invalidArgument(`The filter's regex is longer than ${patternLengthMax}.`);
  const regex = compile(pattern, "");
  return isLinear(pattern) ? watched(regex) : interrupted(regex);
}

function compile(pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch (error) {
    throw invalidArgument(`The filter's regex is invalid: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isLinear(pattern: string): boolean {
  try {
    return new RegExp(pattern, "l") instanceof RegExp;
  } catch {
    return false;
  }
}

const tooSlow = () => invalidArgument(`The filter's regex took longer than ${pageBudgetMs} ms on one page of events.`);

// One match is bounded by itself; many slow ones are not.
function watched(regex: RegExp): BoundedRegex {
  return (subjects) => {
    const endsAt = performance.now() + pageBudgetMs;
    return subjects.map((subject) => {
      if (performance.now() > endsAt) throw tooSlow();
      return regex.test(subject);
    });
  };
}

const matchAll = new Script("matches = subjects.map((subject) => regex.test(subject))");

// One match could take for ever: V8 is told to break it off.
function interrupted(regex: RegExp): BoundedRegex {
  return (subjects) => {
    const globals: { subjects: readonly string[]; regex: RegExp; matches: boolean[] } = {
      subjects,
      regex,
      matches: [],
    };
    try {
      matchAll.runInContext(createContext(globals), { timeout: pageBudgetMs });
    } catch {
      throw tooSlow();
    }
    return globals.matches;
  };
}
