import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, client, expectStatus, newWorkspace, signedIn } from "./support/client.ts";
import { installation } from "./support/everfold.ts";

const stack = new AsyncDisposableStack();
let api: Client;
beforeAll(async () => {
  const { everfold } = await installation(stack);
  api = client((await everfold()).url);
});
afterAll(() => stack.disposeAsync());

test("BILL-02 BILL-03 BILL-05: credits are added, debited and listed newest first, as the events say", async () => {
  const ada = await signedIn(api);
  const token = ada.accessToken;
  const workspace = await newWorkspace(api, ada, 1000);
  const debit = { amount: 10, description: "Enrich", referenceId: "run-1" };
  const { balance } = expectStatus(201, await api.post(`/workspaces/${workspace}/billing/debits`, debit, { token }));
  expect(balance).toBe(990);
  const transactions = expectStatus(200, await api.get(`/workspaces/${workspace}/billing/transactions`, { token }));
  expect(transactions).toMatchObject([
    { type: "debit", amount: 10, balanceAfter: 990, description: "Enrich", referenceId: "run-1" },
    { type: "purchase", amount: 1000, balanceAfter: 1000, description: "Invoice 1", referenceId: null },
  ]);
  const events = await api.get(`/workspaces/${workspace}/billing/events`, { token });
  const types = String(events.body)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).type);
  expect(types).toEqual(["LedgerOpened", "CreditsPurchased", "CreditsDebited"]);
});
