import { setFlagsFromString } from "node:v8";
import { createContext, Script } from "node:vm";
import { invalidArgument } from "./errors.ts";

const patternLengthMax = 1_000;
const pageBudgetMs = 50;

/** Tells for each subject of a page whether it matches. Throws INVALID_ARGUMENT when the pattern takes too long. */
export type BoundedRegex = (subjects: readonly string[]) => boolean[];

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
  if (isLinear(pattern)) return (subjects) => subjects.map((subject) => regex.test(subject));
  return underBudget(regex);
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

const matchAll = new Script("matches = subjects.map((subject) => regex.test(subject))");

function underBudget(regex: RegExp): BoundedRegex {
  return (subjects) => {
    const globals: { subjects: readonly string[]; regex: RegExp; matches: boolean[] } = {
      subjects,
      regex,
      matches: [],
    };
    try {
      matchAll.runInContext(createContext(globals), { timeout: pageBudgetMs });
    } catch {
      throw invalidArgument(`The filter's regex took longer than ${pageBudgetMs} ms on ${subjects.length} events.`);
    }
    return globals.matches;
  };
}
