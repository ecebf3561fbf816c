import { expect, vi } from "vitest";
import { z } from "zod";
import { type ChainVerdict, verifyChain } from "../../src/eventstore/chain.ts";
import { type Answer, type Client, expectStatus, newWorkspace, type SignedIn } from "../support/client.ts";

const Line = z.object({
  revision: z.string().transform(BigInt),
  position: z.string(),
  id: z.uuid(),
  type: z.string(),
  data: z.looseObject({
    amount: z.int().optional(),
    effectiveAt: z.string().nullable().optional(),
    after: z.object({ posted: z.int(), held: z.int(), available: z.int() }),
  }),
  metadata: z.looseObject({ chain: z.string(), commandId: z.uuid() }),
});
type Line = z.output<typeof Line>;

/** The ledger of one workspace, seen by its owner, or somebody else there, through one process. */
export const ledgerOf = (api: Client, { accessToken: token }: Pick<SignedIn, "accessToken">, workspace: string) => {
  const path = `/workspaces/${workspace}/billing`;
  const look = (what: string, headers = {}): Promise<Answer> => api.get(`${path}${what}`, { token, headers });
  const see = async (what: string, headers = {}) => expectStatus(200, await look(what, headers));
  const exportText = async (): Promise<string> => String((await look("/events")).body);
  const transactions = async (page = 1, limit = 100, headers = {}) =>
    (await look(`/transactions?page=${page}&limit=${limit}`, headers)).body;
  const billing = (headers = {}) => see("", headers);
  return {
    workspace,
    path,
    look,
    /** The data of what is there to be seen. */
    see,
    billing,
    /** Data and meta of one page. */
    transactions,
    /** All there are, newest first. */
    allTransactions: async (headers = {}) => {
      const all: { id: string; amount: number; type: string }[] = [];
      for (let page = 1, total = 1; all.length < total; page += 1) {
        const { data, meta } = await transactions(page, 100, headers);
        all.push(...data);
        total = meta.total;
        if (data.length === 0) break;
      }
      return all;
    },
    exportText,
    lines: async (): Promise<Line[]> =>
      (await exportText())
        .trim()
        .split("\n")
        .map((line) => Line.parse(JSON.parse(line))),
    ask: (to: string, body: object = {}, headers = {}) => api.post(`${path}/${to}`, body, { token, headers }),
    set: (what: string, body: object, headers = {}) => api.put(`${path}/${what}`, body, { token, headers }),
    remove: (what: string, headers = {}) => api.delete(`${path}/${what}`, { token, headers }),
    rechargeBelow: (threshold: number, amount: number, enabled = true) => {
      const settings = { enabled, threshold, amount, coolOffSeconds: 0, periodCap: Number.MAX_SAFE_INTEGER };
      return api.put(`${path}/auto-recharge`, settings, { token });
    },
  };
};
export type Ledger = ReturnType<typeof ledgerOf>;

export const newLedger = async (api: Client, owner: SignedIn, credits = 0): Promise<Ledger> =>
  ledgerOf(api, owner, await newWorkspace(api, owner, credits));

const typeOf: Readonly<Record<string, readonly [type: string, sign: 1 | -1]>> = {
  CreditsPurchased: ["purchase", 1],
  CreditsGranted: ["grant", 1],
  CreditsAdjusted: ["adjustment", 1],
  CreditsRecharged: ["recharge", 1],
  CreditsExpired: ["expiry", -1],
  CreditsDebited: ["debit", -1],
  CreditsDeducted: ["adjustment", -1],
  CreditsRefunded: ["refund", 1],
  HoldCaptured: ["debit", -1],
  TransferSent: ["transfer_out", -1],
  TransferReceived: ["transfer_in", 1],
  TransferReturned: ["transfer_return", 1],
};

/** Every movement with the balance after it, oldest first, added up from the events alone. */
export const movements = (lines: readonly Line[]) => {
  let balance = 0;
  return lines.flatMap(({ id, type, data: { amount = 0, effectiveAt = null } }) => {
    const [kind, sign] = typeOf[type] ?? [];
    if (kind === undefined || sign === undefined || effectiveAt !== null) return [];
    balance += sign * amount;
    return [{ id, type: kind, amount, change: sign * amount, balanceAfter: balance }];
  });
};

export const chainOf = ({ workspace }: Ledger, lines: readonly Line[]): Promise<ChainVerdict> =>
  verifyChain(workspace, lines);

/** Recharges are asked for with what makes them due, and credited when they are paid: soon, but not at once. */
export const whenRecharged = (ledger: Ledger): Promise<Line[]> => {
  const under = (lines: readonly Line[]) =>
    lines.filter(({ type }) => type === "RechargeRequested").length -
    lines.filter(({ type }) => type === "CreditsRecharged" || type === "RechargeDeclined").length;
  return vi.waitFor(
    async () => {
      const lines = await ledger.lines();
      expect(under(lines)).toBe(0);
      return lines;
    },
    { timeout: 30_000, interval: 10 },
  );
};

/** For reads that must show what was written by nobody who asks. */
export const upTo = (lines: readonly Line[]) => ({ "x-event-position": lines.at(-1)?.position ?? "0" });
