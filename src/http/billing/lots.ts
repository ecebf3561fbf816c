import { z } from "zod";
import { billing } from "../../projections/billing.ts";
import { lotsOf } from "../../projections/ledger/lotsOf.ts";
import type { App } from "../binder.ts";
import { exampleTime } from "../examples.ts";
import { paged } from "../page.ts";
import { inWorkspace, purchase } from "./ledgerExample.ts";

const Instant = z.iso.datetime();
const Lot = z.object({
  lot: z.int(),
  kind: z.enum(["purchased", "promotional", "adjustment", "recharge"]),
  priority: z.int(),
  status: z.enum(["waiting", "active", "expired"]),
  granted: z.int(),
  remaining: z.int(),
  held: z.int().describe("Reserved by holds, which can spend it whatever becomes of the lot"),
  expired: z.int(),
  description: z.string(),
  effectiveAt: Instant.nullable(),
  expiresAt: Instant.nullable(),
  grantedAt: Instant,
});

/** The credits there are, in the order they are spent in. */
export const lotRoutes = (app: App, now: () => string): void =>
  app.list("/workspaces/:workspaceId/billing/lots", {
    name: "ListLots",
    permission: "billing:read",
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
