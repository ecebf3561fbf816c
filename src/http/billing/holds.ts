import { z } from "zod";
import { CaptureHold, Hold, PlaceHold, ReleaseHold } from "../../commands/credits/holds.ts";
import { billing } from "../../projections/billing.ts";
import { holdOf, holdsOf } from "../../projections/ledger/holdsOf.ts";
import type { App } from "../binder.ts";
import { exampleIds, exampleTime } from "../examples.ts";
import { debit, hold, inWorkspace, left } from "./ledgerExample.ts";

const Status = z.enum(["open", "captured", "released", "expired"]);
const FollowedHold = Hold.extend({
  status: Status,
  captured: z.int().nonnegative(),
  placedBy: z.object({ kind: z.string(), id: z.string().nullable() }),
  placedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
});

const ofHold = { ...inWorkspace, holdId: hold.id };
const { description, referenceId, category } = hold;

/** How credits are reserved before it is known how many of them a job takes. */
export const holdRoutes = (app: App, now: () => string): void => {
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

  const placedBy = { kind: "user", id: exampleIds.member };
  const followed = { ...hold, status: "open", captured: 0, placedBy, placedAt: exampleTime, endedAt: null } as const;
  app.list("/workspaces/:workspaceId/billing/holds", {
    name: "ListHolds",
    permission: "credits:read",
    from: [billing],
    output: FollowedHold,
    query: { status: Status.default("open") },
    example: { params: inWorkspace, query: { status: "open" }, data: followed },
    load: (read, { params, query }) => holdsOf(read, params.workspaceId, { ...query, now: now() }),
  });
  app.query("/workspaces/:workspaceId/billing/holds/:holdId", {
    name: "GetHold",
    permission: "credits:read",
    from: [billing],
    output: FollowedHold,
    example: { params: ofHold, data: followed },
    load: async (read, { params }) => (await holdOf(read, params.workspaceId, params.holdId, now())) ?? null,
  });
};
