import { z } from "zod";
import { balanceMax, CreditLevel, Description } from "../../domain/credits/amounts.ts";
import type { OpenCreditLedger } from "../../domain/credits/creditLedger.ts";
import { priorityDefault } from "../../domain/credits/lots.ts";
import {
  capInRecharges,
  coolOffSecondsDefault,
  failuresMax,
  RechargeSettings,
  retryAt,
} from "../../domain/credits/recharge.ts";
import { type Rejection, reject } from "../../kernel/rejection.ts";
import { asked, InLedger, Left, ledgerCommand, left } from "./ledgerCommand.ts";
import { TransactionWritten, transactionWritten } from "./transaction.ts";

const permission = "credits:admin";
const settings = RechargeSettings.shape;

/** BILL-10. Switching it on again is the only way out of a suspension. */
export const ConfigureAutoRecharge = ledgerCommand({
  name: "ConfigureAutoRecharge",
  permission,
  input: InLedger.extend({
    enabled: z.boolean(),
    threshold: settings.threshold,
    amount: settings.amount,
    target: settings.target.optional(),
    coolOffSeconds: settings.coolOffSeconds.optional(),
    periodCap: settings.periodCap.optional(),
  }).refine(({ enabled, amount }) => !enabled || amount > 0, {
    path: ["amount"],
    message: "must be positive while recharging is enabled",
  }),
  output: Left.extend({ autoRecharge: RechargeSettings }),
  decide: ({ enabled: isEnabled, threshold, amount, target = null, ...limits }) => {
    if (amount > balanceMax - threshold)
      return reject("invalid", "RECHARGE_TOO_LARGE", "Threshold and amount together exceed the largest exact amount.", {
        balanceMax,
      });
    if (target !== null && target < threshold)
      return reject(
        "invalid",
        "TARGET_BELOW_THRESHOLD",
        "The target is where a recharge leads: at least the threshold.",
      );
    const largest = Math.max(amount, target ?? threshold);
    const { coolOffSeconds = coolOffSecondsDefault, periodCap = Math.min(balanceMax, largest * capInRecharges) } =
      limits;
    const data = { isEnabled, threshold, amount, target, coolOffSeconds, periodCap };
    return [{ type: "AutoRechargeConfigured", data }];
  },
  answer: ({ events }) => {
    const { isEnabled, threshold, amount, target, coolOffSeconds, periodCap } = asked(
      events,
      "AutoRechargeConfigured",
    ).data;
    return { autoRecharge: { isEnabled, threshold, amount, target, coolOffSeconds, periodCap }, ...left(events) };
  },
});

const Charged = InLedger.extend({ rechargeId: z.uuid() });

/** BILL-06: the charge was accepted, and is credited once. */
export const SettleRecharge = ledgerCommand({
  name: "SettleRecharge",
  permission,
  input: Charged.extend({ reference: Description }),
  output: TransactionWritten,
  windsUp: true,
  decide: ({ rechargeId, reference: referenceId }, ledger) => {
    const amount = pendingAmount(ledger, rechargeId);
    if (typeof amount !== "number") return amount;
    const lot = { lot: ledger.lotCount + 1, priority: priorityDefault, effectiveAt: null, expiresAt: null };
    const settled = Math.min(ledger.debt, amount);
    const description = "Automatic recharge";
    return [{ type: "CreditsRecharged", data: { rechargeId, amount, ...lot, settled, description, referenceId } }];
  },
  answer: ({ events }) => transactionWritten(events, asked(events, "CreditsRecharged"), "recharge", 1),
});

/** Backs off; after several in a row recharging stays off until somebody switches it on again. */
export const DeclineRecharge = ledgerCommand({
  name: "DeclineRecharge",
  permission,
  input: Charged.extend({ reason: Description }),
  output: Left.extend({ failures: CreditLevel }),
  windsUp: true,
  decide: ({ rechargeId, reason }, ledger, { now }) => {
    const amount = pendingAmount(ledger, rechargeId);
    if (typeof amount !== "number") return amount;
    const failures = ledger.recharge.failures + 1;
    const { notBefore } = ledger.recharge;
    const backedOff = retryAt(failures, now);
    const again = notBefore !== null && notBefore > backedOff ? notBefore : backedOff;
    const data = { rechargeId, amount, reason, failures, retryAt: again };
    const declined = { type: "RechargeDeclined", data } as const;
    return failures < failuresMax
      ? [declined]
      : [declined, { type: "AutoRechargeSuspended", data: { reason, failures } }];
  },
  answer: ({ events }) => ({ failures: asked(events, "RechargeDeclined").data.failures, ...left(events) }),
});

const pendingAmount = ({ recharge: { pending } }: OpenCreditLedger, rechargeId: string): number | Rejection =>
  pending?.rechargeId === rechargeId
    ? pending.amount
    : reject("conflict", "RECHARGE_NOT_PENDING", "This recharge is not under way.", { rechargeId });
