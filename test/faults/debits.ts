import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { verifyChain } from "../../src/eventstore/chain.ts";
import { type Answer, type Client, client, expectStatus, newWorkspace, type SignedIn } from "../support/client.ts";

const retryAfterMs = 50;
/** No debit takes longer than the longest outage of these tests. */
const answerWithinMs = 40_000;
const walletCredits = 1_000_000;
const pageSize = 100;

type Debit = { reference: string; amount: number };

/** A ledger and what its workers know about it. */
export type Wallet = {
  workspaceId: string;
  /** Debits sent at least once. */
  sent: Map<string, Debit>;
  /** Of those, the ones that were answered with 201, by the transaction's id. */
  acknowledged: Map<string, Debit>;
};

export const newWallet = async (api: Client, owner: SignedIn): Promise<Wallet> => ({
  workspaceId: await newWorkspace(api, owner, walletCredits),
  sent: new Map(),
  acknowledged: new Map(),
});

type Load = {
  /** Debits acknowledged since it began. */
  acknowledged(): number;
  /** Lets every worker finish the debit it has in hand. Gives back what was answered besides 201 and 503. */
  end(): Promise<string[]>;
};

/**
 * One worker for each wallet listed, a wallet listed twice has two. They debit some credits at a time, and repeat each
 * debit under the same key until they are told that it is done. `url` is asked before each request: the server may come
 * back elsewhere.
 */
export const debitLoad = (url: () => string, owner: SignedIn, wallets: readonly Wallet[]): Load => {
  const unexpected: string[] = [];
  let done = 0;
  let isEnding = false;

  const debitSurely = async ({ workspaceId, sent, acknowledged }: Wallet): Promise<void> => {
    const debit = { reference: randomUUID(), amount: 1 + Math.floor(Math.random() * 3) };
    sent.set(debit.reference, debit);
    for (const until = Date.now() + answerWithinMs; Date.now() < until; await delay(retryAfterMs)) {
      // Refused or cut off: whether it was carried out is not known.
      const answer = await sendDebit(client(url()), owner, workspaceId, debit).catch(() => undefined);
      if (answer?.status === 201) {
        acknowledged.set(answer.body.data.transaction.id, debit);
        done += 1;
        return;
      }
      if (answer === undefined || isUnavailable(answer)) continue;
      unexpected.push(`${answer.status} ${JSON.stringify(answer.body)}`);
      return;
    }
    unexpected.push(`no answer to ${debit.reference} within ${answerWithinMs} ms`);
  };

  const work = async (wallet: Wallet): Promise<void> => {
    while (!isEnding && unexpected.length === 0) await debitSurely(wallet);
  };
  const working = wallets.map(work);

  return {
    acknowledged: () => done,
    async end() {
      isEnding = true;
      await Promise.all(working);
      return unexpected;
    },
  };
};

export const sendDebit = (
  api: Client,
  { accessToken: token }: SignedIn,
  workspaceId: string,
  { reference, amount }: Debit,
): Promise<Answer> =>
  api.post(
    `/workspaces/${workspaceId}/billing/debits`,
    { amount, description: "Enrich", referenceId: reference },
    { token, headers: { "idempotency-key": reference } },
  );

/** What a backend that is away is answered with, in full. */
export const isUnavailable = ({ status, body, headers }: Answer): boolean =>
  status === 503 && body.error?.code === "BACKEND_UNAVAILABLE" && Number(headers.get("retry-after")) > 0;

/**
 * The ledger's stream, raw, against what was acknowledged, and the read model against the stream.
 *
 * ES-04, BILL-07, BILL-11: every debit that was acknowledged is there once, none that was not sent, and all agree.
 */
export const reconcile = async (api: Client, { accessToken: token }: SignedIn, wallet: Wallet): Promise<void> => {
  const billing = `/workspaces/${wallet.workspaceId}/billing`;
  const events = lines(await answered(() => api.getOnce(`${billing}/events`, { token })));
  expect(await verifyChain(wallet.workspaceId, events)).toMatchObject({ isIntact: true });

  const debits = events.filter(({ type }) => type === "CreditsDebited");
  const found = new Map(debits.map(({ id, data }) => [id, { reference: data.referenceId, amount: data.amount }]));
  expect(new Set([...found.values()].map(({ reference }) => reference)).size).toBe(debits.length);
  for (const [id, debit] of wallet.acknowledged) expect(found.get(id)).toEqual(debit);
  for (const debit of found.values()) expect(wallet.sent.get(debit.reference)).toEqual(debit);

  const balance = debits.reduce((left, { data }) => left - data.amount, walletCredits);
  const headers = { "x-event-position": String(events.at(-1)?.position) };
  const { creditBalance } = (await answered(() => api.getOnce(billing, { token, headers }))).body.data;
  expect(creditBalance).toBe(balance);

  const rows = await transactionsOf(api, token, `${billing}/transactions`);
  expect(rows.toReversed().map(({ id }) => id)).toEqual(events.slice(1).map(({ id }) => id));
  expect(rows[0]?.balanceAfter).toBe(balance);
};

/** Once it is answered with 200: a backend may still be coming back, and read models catching up. */
const answered = async (ask: () => Promise<Answer>): Promise<Answer> => {
  for (const until = Date.now() + answerWithinMs; Date.now() < until; await delay(retryAfterMs)) {
    const answer = await ask();
    if (answer.status === 200) return answer;
    if (answer.status !== 202 && !isUnavailable(answer)) expectStatus(200, answer);
  }
  throw new Error("no answer in time");
};

const lines = ({ body }: Answer) =>
  String(body)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map((event) => ({ ...event, revision: BigInt(event.revision) }));

/** All pages, newest first. */
const transactionsOf = async (api: Client, token: string, path: string) => {
  const rows: { id: string; balanceAfter: number }[] = [];
  for (let page = 1; ; page += 1) {
    const { body } = await answered(() => api.getOnce(`${path}?page=${page}&limit=${pageSize}`, { token }));
    rows.push(...body.data);
    if (rows.length >= body.meta.total || body.data.length === 0) return rows;
  }
};
