import type { transfer } from "../../commands/credits/transfers.ts";
import type { App } from "../binder.ts";
import { alertRoutes } from "./alerts.ts";
import { budgetRoutes } from "./budgets.ts";
import { creditRoutes } from "./credits.ts";
import { type DebitOperations, debitRoutes } from "./debits.ts";
import { historyRoutes } from "./history.ts";
import { holdRoutes } from "./holds.ts";
import { lotRoutes } from "./lots.ts";
import { type ProofOperations, proofRoutes } from "./proofs.ts";
import { settingRoutes } from "./settings.ts";
import { standingRoutes } from "./standing.ts";
import { transactionRoutes } from "./transactions.ts";
import { transferRoutes } from "./transfers.ts";

type BillingOperations = DebitOperations & ProofOperations & { transfer: ReturnType<typeof transfer> };

export const billingRoutes = (app: App, now: () => string, operations: BillingOperations): void => {
  standingRoutes(app, now);
  settingRoutes(app);
  alertRoutes(app);
  creditRoutes(app);
  debitRoutes(app, operations);
  transactionRoutes(app);
  holdRoutes(app, now);
  transferRoutes(app, operations.transfer);
  budgetRoutes(app, now);
  lotRoutes(app, now);
  historyRoutes(app, now);
  proofRoutes(app, operations);
};
