import type { CommandContext } from "../commands/commandContext.ts";
import { DeclineRecharge, SettleRecharge } from "../commands/credits/recharge.ts";
import type { Handler } from "../commands/handler.ts";
import { creditLedger } from "../domain/credits/creditLedger.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import type { ChargeOutcome, PaymentProvider } from "../platform/payments/provider.ts";
import { Unavailable } from "../platform/unavailable.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

type Means = { handler: Pick<Handler, "handle" | "stateOf">; payments: PaymentProvider; now: () => string };

type Recharge = { rechargeId: string; workspaceId: string; organizationId: string; amount: number };

/**
 * BILL-06: has a recharge paid that the ledger asked for, and tells the ledger what came of it. Wherever it is broken
 * off, the next one asks the provider under the same key and the ledger under the same command id, so that both answer
 * as they did before.
 */
export const autoRecharge = ({ handler, payments, now }: Means): Reaction => {
  const isPending = async ({ rechargeId, workspaceId }: Recharge, requestedIn: bigint): Promise<boolean> => {
    const { state, revision } = await handler.stateOf(creditLedger, workspaceId);
    if (revision < requestedIn) throw new Unavailable("the ledger read is older than its recharge");
    return state.status === "open" && state.recharge.pending?.rechargeId === rechargeId;
  };

  const tell = ({ rechargeId, workspaceId }: Recharge, outcome: ChargeOutcome, context: CommandContext) =>
    outcome.outcome === "accepted"
      ? handler.handle(SettleRecharge, { workspaceId, rechargeId, reference: outcome.reference }, context)
      : handler.handle(DeclineRecharge, { workspaceId, rechargeId, reason: outcome.reason }, context);

  return reaction({
    name: "auto_recharge",
    of: [creditLedger],
    when: {
      RechargeRequested: async (requested, occurrence) => {
        // What was dealt with long ago may come again, when providers have forgotten its key.
        if (!(await isPending(requested, occurrence.revision))) return;
        const { rechargeId, workspaceId, organizationId, amount } = requested;
        const outcome = await payments.charge({ rechargeId, workspaceId, organizationId, amount });
        const commandId = derivedId(rechargeId, outcome.outcome === "accepted" ? "settle" : "decline");
        const context = causedBy(occurrence, { commandId, workspaceId, organizationId, now: now() });
        const told = await tell(requested, outcome, context);
        // Money was charged for, perhaps, and no credits came: somebody has to compare them.
        if (isRejection(told)) throw refusedTo("a ledger cannot take what came of its recharge", told);
      },
    },
  });
};
