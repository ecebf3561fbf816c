import { billing } from "../../projections/billing.ts";
import { Lot, lotsOf } from "../../projections/ledger/lotsOf.ts";
import type { App } from "../binder.ts";
import { exampleTime } from "../examples.ts";
import { paged } from "../page.ts";
import { inWorkspace, purchase } from "./ledgerExample.ts";

/** The credits there are, in the order they are spent in. */
export const lotRoutes = (app: App, now: () => string): void =>
  app.list("/workspaces/:workspaceId/billing/lots", {
    name: "ListLots",
    permission: "credits:read",
    from: [billing],
    output: Lot,
    example: {
      params: inWorkspace,
      data: {
        lot: 1,
        kind: "purchased",
        priority: 50,
        status: "active",
        granted: 1_000,
        remaining: 890,
        held: 100,
        expired: 0,
        description: purchase.description,
        effectiveAt: null,
        expiresAt: null,
        grantedAt: exampleTime,
      },
    },
    load: async (read, { params, query }) => paged(await lotsOf(read, params.workspaceId, now()), query),
  });
