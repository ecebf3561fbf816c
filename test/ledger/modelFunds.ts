import { balanceOf, type Ledger, roomIn } from "./modelLedger.ts";
import { type Refused, refuse } from "./modelRefusal.ts";
import { cycleStart } from "./modelTime.ts";

/** Why so much cannot be taken, if it cannot. */
export const short = (ledger: Ledger, amount: number, now: string, available = balanceOf(ledger).available) => {
  if (amount <= available) return undefined;
  const { posted, held } = balanceOf(ledger);
  return refuse("insufficient", "INSUFFICIENT_CREDITS", {
    ...{ balance: posted, held, available, required: amount, shortfall: amount - available },
    rechargeState: rechargeState(ledger, now),
  });
};

const rechargeState = ({ recharge, openedAt }: Ledger, now: string): string => {
  if (recharge.pending) return "pending";
  if (recharge.isSuspended) return "suspended";
  if (!recharge.isEnabled) return "off";
  if (now < recharge.notBefore) return "waiting";
  return recharge.isCapTold && recharge.periodStart >= cycleStart(openedAt, now) ? "capped" : "idle";
};

/** Why so much more cannot be owned, if it cannot. */
export const tooMuch = (ledger: Ledger, more: number): Refused | undefined => {
  const balance = balanceOf(ledger).posted;
  if (more <= roomIn(ledger)) return undefined;
  return refuse("unprocessable", "BALANCE_LIMIT_EXCEEDED", { balance, balanceMax: Number.MAX_SAFE_INTEGER });
};
