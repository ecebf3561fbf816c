import type { Outcome } from "./outcome.ts";

/** Who waits for commands that came together: told once, when each of them has its outcome. */
export type Party = {
  told: Promise<Outcome[]>;
  tell(index: number, outcome: Outcome): void;
  /** One of them has no outcome that is known: then the whole party is told so, and sends all of them again. */
  fail(error: unknown): void;
};

export const partyOf = (count: number): Party => {
  const { promise: told, resolve, reject } = Promise.withResolvers<Outcome[]>();
  const outcomes: Outcome[] = new Array(count);
  const errors: unknown[] = [];
  let left = count;

  /** Not before the last of them: what is sent again must not meet itself on the way. */
  const settle = () => {
    left -= 1;
    if (left > 0) return;
    if (errors.length > 0) reject(errors[0]);
    else resolve(outcomes);
  };

  return {
    told,
    tell(index, outcome) {
      outcomes[index] = outcome;
      settle();
    },
    fail(error) {
      errors.push(error);
      settle();
    },
  };
};
