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
const sooner = (one: string | null, other: string | null): string | null => {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
};

/** What time alone does something to, and when first. */
type Schedule = {
  coming: readonly { effectiveAt: string }[];
  lots: readonly { expiresAt: string | null }[];
  holds: readonly { expiresAt: string }[];
  dueAt: string | null;
};

export const dueBy = <S extends Schedule>(ledger: S, at: string | null): S => {
  const dueAt = sooner(ledger.dueAt, at);
  return dueAt === ledger.dueAt ? ledger : { ...ledger, dueAt };
};

/** Were these what is due first, others are now: else everything would be looked at again and again from then on. */
export const dueWithout = <S extends Schedule>(ledger: S, gone: readonly { expiresAt: string | null }[]): S =>
  gone.some(({ expiresAt }) => expiresAt !== null && expiresAt === ledger.dueAt) ? scheduled(ledger) : ledger;

/** Looks at everything: after what was due is done. */
export const scheduled = <S extends Schedule>(ledger: S): S => {
  const effective = earliest(ledger.coming, ({ effectiveAt }) => effectiveAt)?.at ?? null;
  const lotExpires = earliest(ledger.lots, ({ expiresAt }) => expiresAt)?.at ?? null;
  const holdExpires = earliest(ledger.holds, ({ expiresAt }) => expiresAt)?.at ?? null;
  return { ...ledger, dueAt: sooner(effective, sooner(lotExpires, holdExpires)) };
};
