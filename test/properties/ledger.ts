import { z } from "zod";
import { type ChainVerdict, verifyChain } from "../../src/eventstore/chain.ts";
import { type Client, expectStatus, newWorkspace, type SignedIn } from "../support/client.ts";

const Line = z.object({
  revision: z.string().transform(BigInt),
  position: z.string(),
  id: z.uuid(),
  type: z.string(),
  data: z.looseObject({ amount: z.int().optional() }),
  metadata: z.looseObject({ chain: z.string(), commandId: z.uuid() }),
});
type Line = z.output<typeof Line>;

const typeOf: Readonly<Record<string, string>> = {
  CreditsPurchased: "purchase",
  CreditsDebited: "debit",
  CreditsRecharged: "recharge",
};

/** The ledger of one workspace, seen by its owner through one process. */
export const ledgerOf = (api: Client, { accessToken: token }: SignedIn, workspace: string) => {
  const path = `/workspaces/${workspace}/billing`;
  const exportText = async (): Promise<string> => String((await api.get(`${path}/events`, { token })).body);
  const transactions = async (page = 1, limit = 100, headers = {}) =>
    (await api.get(`${path}/transactions?page=${page}&limit=${limit}`, { token, headers })).body;
  return {
    workspace,
    billing: async (headers = {}) => expectStatus(200, await api.get(path, { token, headers })),
    /** Data and meta of one page. */
    transactions,
    /** All there are, newest first. */
    allTransactions: async (headers = {}) => {
      const all: { id: string; amount: number }[] = [];
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
    ask: (to: "credits" | "debits", body: object, headers = {}) => api.post(`${path}/${to}`, body, { token, headers }),
    rechargeBelow: (threshold: number, amount: number, enabled = true) =>
      api.put(`${path}/auto-recharge`, { enabled, threshold, amount }, { token }),
  };
};
export type Ledger = ReturnType<typeof ledgerOf>;

export const newLedger = async (api: Client, owner: SignedIn, credits = 0): Promise<Ledger> =>
  ledgerOf(api, owner, await newWorkspace(api, owner, credits));

/** Every movement with the balance after it, oldest first, added up from the events alone. */
export const movements = (lines: readonly Line[]) => {
  let balance = 0;
  return lines.flatMap(({ id, type, data: { amount = 0 } }) => {
    const kind = typeOf[type];
    if (kind === undefined) return [];
    balance += kind === "debit" ? -amount : amount;
    return [{ id, type: kind, amount, balanceAfter: balance }];
  });
};

export const chainOf = ({ workspace }: Ledger, lines: readonly Line[]): Promise<ChainVerdict> =>
  verifyChain(workspace, lines);
