/**
 * The monthly cycle around `now` of a ledger opened at `openedAt`: it contains its start and not its end. Opened on a
 * 31st, it starts on the last day of shorter months.
 */
export const billingCycle = (openedAt: string, now: string): { start: string; end: string } => {
  const [opened, at] = [new Date(openedAt), new Date(now)];
  const months = (at.getUTCFullYear() - opened.getUTCFullYear()) * 12 + at.getUTCMonth() - opened.getUTCMonth();
  const begun = months - (monthsAfter(opened, months) > at ? 1 : 0);
  return { start: monthsAfter(opened, begun).toISOString(), end: monthsAfter(opened, begun + 1).toISOString() };
};

const monthsAfter = (from: Date, months: number): Date => {
  const moved = new Date(from);
  moved.setUTCMonth(from.getUTCMonth() + months);
  // An overflow such as 31 April lands in May: day 0 is the last day of the month that was meant.
  if (moved.getUTCDate() !== from.getUTCDate()) moved.setUTCDate(0);
  return moved;
};
