import { z } from "zod";
import { billing } from "../../projections/billing.ts";
import { billingOf, RechargeStanding } from "../../projections/ledger/billing.ts";
import type { App } from "../binder.ts";
import { exampleTime } from "../examples.ts";
import { inWorkspace } from "./ledgerExample.ts";

const Level = z.int().nonnegative();
const Instant = z.iso.datetime();

const Billing = z.object({
  workspaceId: z.uuid(),
  planType: z.string(),
  creditBalance: z.int().describe("What is posted: negative as far as the credit limit is drawn on"),
  held: Level,
  available: Level.describe("What can be spent: posted + credit limit - held"),
  creditLimit: Level,
  billingCycleStart: Instant,
  billingCycleEnd: Instant,
  autoRecharge: z.boolean(),
  autoRechargeThreshold: Level,
  autoRechargeAmount: Level,
  recharge: RechargeStanding,
  alert: z.object({ threshold: Level.nullable(), rearmAt: Level, isLow: z.boolean() }),
  transactionCount: Level,
});

/** Where a ledger stands now. */
export const standingRoutes = (app: App, now: () => string): void => {
  app.query("/workspaces/:workspaceId/billing", {
    name: "GetBilling",
    permission: "credits:read",
    from: [billing],
    output: Billing,
    example: {
      params: inWorkspace,
      data: {
        ...inWorkspace,
        planType: "free",
        creditBalance: 994,
        held: 100,
        available: 894,
        creditLimit: 0,
        billingCycleStart: exampleTime,
        billingCycleEnd: "2026-12-20T12:00:00.000Z",
        autoRecharge: true,
        autoRechargeThreshold: 100,
        autoRechargeAmount: 500,
        recharge: {
          state: "idle",
          target: null,
          coolOffSeconds: 60,
          periodCap: 5_000,
          charged: 0,
          pending: null,
          notBefore: null,
          failures: 0,
        },
        alert: { threshold: 50, rearmAt: 55, isLow: false },
        transactionCount: 3,
      },
    },
    load: async (read, { params }) => (await billingOf(read, params.workspaceId, now())) ?? null,
  });
};
