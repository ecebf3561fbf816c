/** Up to where everything is handled. */
export type Mark = {
  readonly sequence: number;
  /** How many events were examined up to there since the group was loaded. */
  readonly count: number;
};

export type LowWaterMark = {
  readonly mark: Mark;
  readonly unhandled: number;
  /** An event that is to be delivered. Sequences only grow. */
  began(sequence: number): void;
  /** An event that nobody wants. */
  passed(sequence: number): void;
  handled(sequence: number): void;
};

/** Follows which events are done with: a checkpoint never passes one that is not. */
export function createLowWaterMark(start: number): LowWaterMark {
  // In the order of their sequences, because they are only ever added in that order.
  const unhandled = new Map<number, number>();
  let examined = 0;
  let last = start;

  return {
    get mark() {
      for (const [sequence, ordinal] of unhandled) return { sequence: sequence - 1, count: ordinal - 1 };
      return { sequence: last, count: examined };
    },
    get unhandled() {
      return unhandled.size;
    },
    began(sequence) {
      examined += 1;
      last = sequence;
      unhandled.set(sequence, examined);
    },
    passed(sequence) {
      examined += 1;
      last = sequence;
    },
    handled: (sequence) => {
      unhandled.delete(sequence);
    },
  };
}
