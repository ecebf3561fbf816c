import { type Contender, call, creditsEach, inParallel } from "./servers/contender.ts";

/** What was acknowledged and what is stored differ: the figures of such a run count for nothing. */
export class NotReconciled extends Error {
  override readonly name = "NotReconciled";
}

const DRAIN_MAX_MS = 300_000;
const READERS = 16;

/** A read that waits for the caller's own writes is answered 202 when they take too long; then it is sent again. */
export const awaited = async (contender: Contender, path: string, deadline = performance.now() + DRAIN_MAX_MS) => {
  for (;;) {
    const reply = await call(contender, "GET", path);
    if (reply.status === 200) return reply;
    if (performance.now() > deadline) throw new Error(`${contender.name} still has not caught up: ${path}`);
  }
};

type Reconciled = {
  /** From the call until a wallet could be read with all that its owner was acknowledged. */
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
  const deadline = begun + DRAIN_MAX_MS;
  // All wallets are one owner's, and owners see all that they wrote or nothing.
  await awaited(contender, `/workspaces/${wallets[0]}/billing`, deadline);
  const drainedMs = performance.now() - begun;
  const differences = await inParallel([...wallets.entries()], READERS, async ([index, wallet]) => {
    const billing = await awaited(contender, `/workspaces/${wallet}/billing`, deadline);
    const list = await awaited(contender, `/workspaces/${wallet}/billing/transactions?limit=1`, deadline);
    const debits = acknowledged[index] ?? 0;
    const balance = billing.data["creditBalance"];
    const lines = list.meta["total"];
    if (balance === creditsEach - debits && lines === debits + 1) return [];
    return [
      `${contender.name}, wallet ${wallet}: ${debits} debits of 1 were acknowledged out of ${creditsEach}, ` +
        `but ${balance} are left and ${lines} transactions are listed`,
    ];
  });
  return { drainedMs, differences: differences.flat() };
};
