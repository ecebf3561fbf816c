import { z } from "zod";

export const PlanType = z.enum(["free", "pro", "enterprise"]);
export type PlanType = z.output<typeof PlanType>;

/** How far below zero a workspace on each plan may let its credits go. */
export const creditLimitMax: Readonly<Record<PlanType, number>> = {
  free: 0,
  pro: 10_000,
  enterprise: 10_000_000,
};
