import { type Contender, call, creditsEach } from "./contender.ts";

/** What was acknowledged and what is stored differ: the figures of such a run count for nothing. */
export class NotReconciled extends Error {
  override readonly name = "NotReconciled";
}

const DRAIN_MAX_MS = 120_000;

/** A read that waits for the caller's own writes is answered 202 when they take too long; then it is sent again. */
const awaited = async (contender: Contender, path: string, deadline: number) => {
  for (;;) {
    const reply = await call(contender, "GET", path);
    if (reply.status === 200) return reply;
    if (performance.now() > deadline) throw new Error(`${contender.name} still has not caught up: ${path}`);
  }
};

type Reconciled = {
  /** From the call until every wallet could be read with all that was acknowledged in it. */
  drainedMs: number;
  /** Wallets whose figures do not add up, as sentences. */
  differences: readonly string[];
};

/** For each wallet: what is left and what was acknowledged must be what was paid in, and each debit has one line. */
export const reconcile = async (
  contender: Contender,
  wallets: readonly string[],
  acknowledged: readonly number[],
): Promise<Reconciled> => {
  const begun = performance.now();
  const read = (path: (wallet: string) => string) =>
    Promise.all(wallets.map((wallet) => awaited(contender, path(wallet), begun + DRAIN_MAX_MS)));
  const billings = await read((wallet) => `/workspaces/${wallet}/billing`);
  const drainedMs = performance.now() - begun;
  const lists = await read((wallet) => `/workspaces/${wallet}/billing/transactions?limit=1`);
  const differences = wallets.flatMap((wallet, index) => {
    const debits = acknowledged[index] ?? 0;
    const balance = billings[index]?.data["creditBalance"];
    const lines = lists[index]?.meta["total"];
    if (balance === creditsEach - debits && lines === debits + 1) return [];
    return [
      `${contender.name}, wallet ${wallet}: ${debits} debits of 1 were acknowledged out of ${creditsEach}, ` +
        `but ${balance} are left and ${lines} transactions are listed`,
    ];
  });
  return { drainedMs, differences };
};
