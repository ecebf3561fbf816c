import { z } from "zod";
import { CreditLevel } from "./amounts.ts";

/**
 * When own credits, which are the available ones without the credit limit, fall below `threshold`, `amount` is charged
 * for: more where that would not reach `target` (the threshold when there is none), as far as the cap leaves it. No
 * sooner than `coolOffSeconds` after the request before, and no more than `periodCap` credits in a billing cycle.
 */
export const RechargeSettings = z.object({
  isEnabled: z.boolean(),
  threshold: CreditLevel,
  amount: CreditLevel,
  target: CreditLevel.nullable(),
  coolOffSeconds: z.int().nonnegative().max(86_400),
  periodCap: CreditLevel,
});
export type RechargeSettings = z.output<typeof RechargeSettings>;

/** So many recharges fit into a cycle where no cap was asked for, each as large as it takes from zero. */
export const capInRecharges = 10;
export const coolOffSecondsDefault = 60;

export type Recharge = RechargeSettings & {
  /** How many were requested ever: each has an id of its own. */
  requests: number;
  pending: { rechargeId: string; amount: number } | null;
  /** Nothing is requested before. */
  notBefore: string | null;
  /** Declined in a row. */
  failures: number;
  isSuspended: boolean;
  /** The cycle `charged` counts in, with what is pending. */
  periodStart: string;
  charged: number;
  /** Told in this cycle that the cap is reached. */
  isCapTold: boolean;
};

export const noRecharge: Recharge = {
  isEnabled: false,
  threshold: 0,
  amount: 0,
  target: null,
  coolOffSeconds: coolOffSecondsDefault,
  periodCap: 0,
  requests: 0,
  pending: null,
  notBefore: null,
  failures: 0,
  isSuspended: false,
  periodStart: "",
  charged: 0,
  isCapTold: false,
};

export const failuresMax = 3;
const backOffFirstMs = 60_000;

/** After the n-th decline in a row: one minute, then four, then sixteen. */
export const retryAt = (failures: number, now: string): string =>
  new Date(Date.parse(now) + backOffFirstMs * 4 ** (failures - 1)).toISOString();

export const RechargeState = z.enum(["off", "idle", "pending", "waiting", "capped", "suspended"]);
export type RechargeState = z.output<typeof RechargeState>;

/** `waiting`: cooling off, or backing off after a decline. `capped`: until the next cycle begins. */
export const rechargeState = (recharge: Recharge, cycleStart: string, now: string): RechargeState => {
  if (recharge.pending) return "pending";
  if (recharge.isSuspended) return "suspended";
  if (!recharge.isEnabled) return "off";
  if (recharge.notBefore !== null && now < recharge.notBefore) return "waiting";
  return recharge.isCapTold && recharge.periodStart >= cycleStart ? "capped" : "idle";
};
