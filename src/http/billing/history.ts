import { z } from "zod";
import { billing } from "../../projections/billing.ts";
import { balanceAt } from "../../projections/ledger/balanceAt.ts";
import { dailyHistory } from "../../projections/ledger/days.ts";
import { usageOf } from "../../projections/ledger/usage.ts";
import type { App } from "../binder.ts";
import { invalid } from "../errors.ts";
import { exampleIds, exampleTime } from "../examples.ts";
import { inWorkspace, left } from "./ledgerExample.ts";

const Sum = z.int();
const Balance = z.object({
  balance: z.int(),
  held: Sum,
  available: Sum,
  ledgerRevision: z.int().describe("Of the last event until then that changed it"),
});
const Day = z.object({
  day: z.iso.date(),
  opening: z.int(),
  granted: Sum,
  spent: Sum,
  refunded: Sum,
  deducted: Sum,
  expired: Sum,
  received: Sum,
  sent: Sum,
  transactions: Sum,
  closing: z.int(),
});
const Usage = z.object({
  day: z.iso.date().nullable(),
  category: z.string().nullable(),
  member: z.object({ kind: z.string(), id: z.string().nullable() }).nullable(),
  debits: Sum,
  spent: Sum,
  refunded: Sum,
});

/** A request for years of days would be a report. */
const daysMax = 366;
const daysUnlessTold = 30;
const dayMs = 86_400_000;

const dayFields = {
  from: z.iso.date().optional().describe(`First day (UTC): ${daysUnlessTold} days before the last unless told`),
  to: z.iso.date().optional().describe("Last day (UTC): today unless told"),
};
type Days = { from?: string | undefined; to?: string | undefined };

const daysOf = ({ from, to }: Days, now: string): { from: string; to: string } => {
  const last = to ?? now.slice(0, 10);
  const first = from ?? new Date(Date.parse(last) - daysUnlessTold * dayMs).toISOString().slice(0, 10);
  const days = (Date.parse(last) - Date.parse(first)) / dayMs + 1;
  if (days < 1) throw invalid([{ path: "to", message: "must not be before from" }]);
  if (days > daysMax) throw invalid([{ path: "from", message: `must be at most ${daysMax} days before to` }]);
  return { from: first, to: last };
};

/** In digits alone: an empty text, `0x10` and `1e3` are numbers as well. */
const Revision = z
  .string()
  .regex(/^\d+$/, "must be the revision of an event, in digits")
  .transform(Number)
  .pipe(z.int());

type Moment = { at?: string | undefined; revision?: number | undefined };

/** Now, unless one of both is told. */
const momentOf = ({ at, revision }: Moment, now: string) => {
  if (revision === undefined) return { at: at ?? now };
  if (at === undefined) return { revision };
  throw invalid([{ path: "revision", message: "cannot be sent with at" }]);
};

/** What a ledger was, and what became of its credits. */
export const historyRoutes = (app: App, now: () => string): void => {
  app.query("/workspaces/:workspaceId/billing/balance", {
    name: "GetBalance",
    permission: "credits:read",
    from: [billing],
    output: Balance,
    query: { at: z.iso.datetime().optional(), revision: Revision.optional() },
    example: {
      params: inWorkspace,
      query: { at: exampleTime },
      data: { ...left(990), ledgerRevision: 2 },
    },
    load: async (read, { params, query }) => {
      const found = await balanceAt(read, params.workspaceId, momentOf(query, now()));
      if (!found) return null;
      const { posted: balance, held, available, revision: ledgerRevision } = found;
      return { balance, held, available, ledgerRevision };
    },
  });

  const [from, to] = ["2026-11-20", "2026-11-20"];
  const day = { day: from, opening: 0, granted: 1_050, spent: 80, refunded: 4, deducted: 0, expired: 0 };
  app.query("/workspaces/:workspaceId/billing/history", {
    name: "GetBalanceHistory",
    permission: "credits:read",
    from: [billing],
    output: z.object({ from: z.iso.date(), to: z.iso.date(), days: z.array(Day) }),
    query: dayFields,
    example: {
      params: inWorkspace,
      query: { from, to },
      data: { from, to, days: [{ ...day, received: 0, sent: 200, transactions: 6, closing: 774 }] },
    },
    load: async (read, { params, query }) => {
      const days = daysOf(query, now());
      return { ...days, days: await dailyHistory(read, params.workspaceId, days) };
    },
  });

  app.list("/workspaces/:workspaceId/billing/usage", {
    name: "ListUsage",
    permission: "credits:read",
    from: [billing],
    output: Usage,
    query: { groupBy: z.enum(["category", "member", "day"]).default("category"), ...dayFields },
    example: {
      params: inWorkspace,
      query: { groupBy: "member", from, to },
      data: {
        day: null,
        category: null,
        member: { kind: "user", id: exampleIds.member },
        debits: 2,
        spent: 80,
        refunded: 4,
      },
    },
    load: (read, { params, query }) => usageOf(read, params.workspaceId, { ...query, ...daysOf(query, now()) }),
  });
};
