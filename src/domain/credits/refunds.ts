import { earliest } from "./schedule.ts";

/** What was given back of so many debits is kept in mind. */
const refundsMax = 10_000;

export type Refunds = {
  /** What was given back of debits, as long as more of them could be. */
  refunds: readonly { debitId: string; amount: number; until: string }[];
  /** What was given back of debits refundable until then, or not as long, is forgotten: no more of them can be. */
  refundsClosedUntil: string;
};

type Refund = { debitId: string; amount: number; refundableUntil: string; refundedAt: string };

/** With one more. Those go whose time is over, for clocks that are behind as well, and the first beyond the most. */
export const withRefund = (
  { refunds, refundsClosedUntil }: Refunds,
  { debitId, amount, refundableUntil: until, refundedAt }: Refund,
): Refunds => {
  const before = refunds.find((each) => each.debitId === debitId)?.amount ?? 0;
  const all = [...refunds.filter((each) => each.debitId !== debitId), { debitId, amount: before + amount, until }];
  let closedUntil = refundsClosedUntil;
  for (const each of all) if (each.until < refundedAt && each.until > closedUntil) closedUntil = each.until;
  const first = all.length > refundsMax ? earliest(all, (each) => each.until) : undefined;
  if (first && first.at > closedUntil) closedUntil = first.at;
  return { refunds: all.filter((each) => each.until > closedUntil), refundsClosedUntil: closedUntil };
};
