import { CaptureHold, PlaceHold, ReleaseHold } from "../../commands/credits/holds.ts";
import type { App } from "../binder.ts";
import { exampleIds } from "../examples.ts";
import { debit, hold, inWorkspace, left } from "./ledgerExample.ts";

const ofHold = { ...inWorkspace, holdId: hold.id };
const { description, referenceId, category } = hold;

/** How credits are reserved before it is known how many of them a job takes. */
export const holdRoutes = (app: App): void => {
  app.command("POST", "/workspaces/:workspaceId/billing/holds", PlaceHold, {
    status: 201,
    fresh: "holdId",
    dryRun: true,
    example: {
      params: inWorkspace,
      body: { amount: hold.amount, timeoutSeconds: 3_600, description, referenceId, category },
      data: { hold, ...left(894, 100) },
    },
  });

  const captured = { id: exampleIds.capture, amount: 70, change: -70, balanceAfter: 924, description, referenceId };
  app.command("POST", "/workspaces/:workspaceId/billing/holds/:holdId/captures", CaptureHold, {
    status: 201,
    dryRun: true,
    example: {
      params: ofHold,
      body: { amount: captured.amount },
      data: { transaction: { ...debit, ...captured }, released: 30, remaining: 0, ...left(924) },
    },
  });
  app.command("POST", "/workspaces/:workspaceId/billing/holds/:holdId/release", ReleaseHold, {
    dryRun: true,
    example: { params: ofHold, data: { released: 100, ...left(994) } },
  });
};
