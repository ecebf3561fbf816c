type At<T> = { one: T; at: string };

/** The first of those with the earliest time; those without one never come. */
export const earliest = <T>(all: readonly T[], timeOf: (one: T) => string | null): At<T> | undefined => {
  let first: At<T> | undefined;
  for (const one of all) {
    const at = timeOf(one);
    if (at !== null && (!first || at < first.at)) first = { one, at };
  }
  return first;
};

/** The earlier of two times; null is never. */
export const sooner = (one: string | null, other: string | null): string | null => {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
};
