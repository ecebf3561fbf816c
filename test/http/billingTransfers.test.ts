import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { movements, newLedger } from "../properties/ledger.ts";
import { expectStatus, signedIn } from "../support/client.ts";
import { type Bookkeeping, bookkeeping, keyed, outcomeOf } from "./bookkeeping.ts";

const stack = new AsyncDisposableStack();
let books: Bookkeeping;
beforeAll(async () => {
  books = await bookkeeping(stack);
});
afterAll(() => stack.disposeAsync());

const description = "For the new team";

describe("a transfer", () => {
  test("moves credits to another workspace of the organization, and both ledgers say so", async () => {
    const [from, to] = [await books.opened(100), await books.opened(5)];
    const asked = { toWorkspaceId: to.workspace, amount: 30, description: "For the new team" };
    const key = keyed();
    const [first, second] = [await from.ask("transfers", asked, key), await from.ask("transfers", asked, key)];
    expect(expectStatus(201, first)).toMatchObject({
      transferId: expect.any(String),
      transaction: { type: "transfer_out", amount: 30, change: -30, balanceAfter: 70, description: asked.description },
      ...{ balance: 70, held: 0, available: 70 },
    });
    expect([second.body, second.headers.get("idempotency-hit")]).toEqual([first.body, "true"]);
    expect(movements(await to.lines()).at(-1)).toMatchObject({ type: "transfer_in", amount: 30, balanceAfter: 35 });
    expect((await to.billing()).creditBalance).toBe(35);
  });

  test("is another one in each workspace that sends, whatever key names it", async () => {
    const [one, other] = [await books.opened(100), await books.opened(100)];
    const to = await books.opened();
    const [asked, key] = [{ toWorkspaceId: to.workspace, amount: 30, description }, keyed("monthly")];
    for (const from of [one, other]) expectStatus(201, await from.ask("transfers", asked, key));
    expect((await to.billing()).creditBalance).toBe(60);
  });

  test("is refused where there is too little, no other workspace, or none the caller owns", async () => {
    const [from, to] = [await books.opened(100), await books.opened()];
    const { api, ada } = books;
    const [linus, grace] = [await signedIn(api), await signedIn(api, { colleagueOf: ada })];
    const asAda = { token: ada.accessToken };
    const membership = `/organizations/${ada.organizationId}/members/${grace.id}/role`;
    expectStatus(200, await api.put(membership, { role: "member" }, asAda));
    const [foreign, hers] = [await newLedger(api, linus), await newLedger(api, grace)];
    const asked = (toWorkspaceId: string, amount = 10) => from.ask("transfers", { toWorkspaceId, amount, description });
    expect(outcomeOf(await asked(to.workspace, 101))).toEqual([402, "INSUFFICIENT_CREDITS"]);
    expect(outcomeOf(await asked(from.workspace))).toEqual([422, "SAME_WORKSPACE"]);
    expect(outcomeOf(await asked(foreign.workspace))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(outcomeOf(await asked(randomUUID()))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(outcomeOf(await asked(hers.workspace))).toEqual([403, "FORBIDDEN"]);
    expect(movements(await from.lines())).toHaveLength(1);
  });

  test("that the other ledger cannot take comes back, and the refusal says how far to read to see that", async () => {
    const [from, to] = [await books.opened(100), await books.opened(Number.MAX_SAFE_INTEGER)];
    const refused = await from.ask("transfers", { toWorkspaceId: to.workspace, amount: 30, description });
    expect([refused.status, refused.body.error]).toMatchObject([
      409,
      { code: "TRANSFER_REFUSED", details: { reason: "BALANCE_LIMIT_EXCEEDED" } },
    ]);
    const returned = (await from.lines()).at(-1);
    expect(returned).toMatchObject({ type: "TransferReturned", data: { amount: 30 } });
    expect(refused.headers.get("x-event-position")).toBe(returned?.position);
    expect((await from.allTransactions()).map(({ type }) => type)).toEqual([
      "transfer_return",
      "transfer_out",
      "purchase",
    ]);
  });
});
