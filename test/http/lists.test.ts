import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Route } from "../../src/http/route.ts";
import { type Client, expectStatus, newWorkspace, type SignedIn, signedIn } from "../support/client.ts";
import { planned, plannedKinds } from "../support/planned.ts";
import { bookkeeping } from "./bookkeeping.ts";

const stack = new AsyncDisposableStack();
let api: Client;
let routes: readonly Route[];
let ada: SignedIn;
let asAda: { token: string };
beforeAll(async () => {
  ({ routes, api, ada, asAda } = await bookkeeping(stack, { DEFAULT_PLAN: "enterprise" }));
});
afterAll(() => stack.disposeAsync());

describe("FND-16: every list", () => {
  const debitsMade = 24;
  let paths: string[];
  beforeAll(async () => {
    const workspaceId = await newWorkspace(api, ada, 1000);
    await newWorkspace(api, ada);
    await newWorkspace(api, ada);
    const within = `/workspaces/${workspaceId}`;
    for (const provider of ["openai", "mistral", "hunter"]) {
      const credential = { providerName: provider, key: "sk-live-2f9c81d07a" };
      expectStatus(201, await api.post(`${within}/credentials`, credential, asAda));
      const { email } = await signedIn(api);
      expectStatus(201, await api.post(`${within}/members`, { email, role: "viewer" }, asAda));
    }
    for (const limit of [500, 600, 700]) {
      const budget = { scope: { kind: "workspace" }, limit, period: "month", alertsAt: [1] };
      expectStatus(201, await api.post(`${within}/billing/budgets`, budget, asAda));
      expectStatus(201, await api.post(`${within}/billing/holds`, { amount: 1, description: "Run" }, asAda));
      expectStatus(201, await api.post(`${within}/billing/credits`, { amount: 1, description: "Invoice" }, asAda));
    }
    for (const threshold of [5, 2_000, 3_000, 4_000]) {
      expectStatus(200, await api.put(`${within}/billing/alerts`, { threshold }, asAda));
      expectStatus(201, await api.post(`${within}/billing/seals`, {}, asAda));
    }
    const debits = Array.from({ length: debitsMade }, (_, index) => ({
      amount: 1,
      description: `Run ${index}`,
      category: `category ${index}`,
    }));
    for (const answer of await Promise.all(debits.map((debit) => api.post(`${within}/billing/debits`, debit, asAda))))
      expectStatus(201, answer);
    const ofTheirs = `/organizations/${ada.organizationId}`;
    const made = async (path: string, body: object): Promise<string> =>
      expectStatus(201, await api.post(path, body, asAda)).id;
    let repositoryId = "";
    for (const name of ["one", "two"]) {
      await made(`${ofTheirs}/api-keys`, { name, role: "member", scopes: ["credits:read"] });
      await made(`${ofTheirs}/invitations`, { email: `${name}@example.com`, role: "viewer" });
      expectStatus(201, await api.post(`${within}/members`, { email: `${name}@example.org`, role: "viewer" }, asAda));
      repositoryId = await made(`${ofTheirs}/repositories`, { name });
    }
    for (const type of ["index", "export"]) await made(`${ofTheirs}/repositories/${repositoryId}/jobs`, { type });
    for (const word of ["one", "two"]) {
      const ids: Record<string, string> = {};
      for (const { path, idName } of plannedKinds)
        ids[idName] = await made(`${within}/${path}`, planned(idName, { ids, word }));
    }
    paths = routes
      .filter(({ query, permission }) => query !== null && "page" in query.shape && permission !== "platform:admin")
      .map(({ path }) => path.replace("/api/v1", "").replace(":workspaceId", workspaceId))
      .map((path) => path.replace(":organizationId", ada.organizationId).replace(":repositoryId", repositoryId));
    expectStatus(201, await api.post("/organizations", { name: "Acme" }, asAda));
  });

  const page = async (path: string, query = "") => {
    const answer = await api.get(`${path}${query}`, asAda);
    return { rows: expectStatus(200, answer), meta: answer.body.meta };
  };

  test("is known here", () => {
    const kinds = plannedKinds.map(({ path }) => path);
    expect(
      paths
        .map((path) => path.split("/").at(-1) ?? "")
        .filter((name) => !kinds.includes(name))
        .sort(),
    ).toEqual([
      "alerts",
      "api-keys",
      "budgets",
      "credentials",
      "holds",
      "invitations",
      "invitations",
      "jobs",
      "lots",
      "members",
      "members",
      "organizations",
      "repositories",
      "seals",
      "transactions",
      "usage",
      "workspaces",
    ]);
  });

  test("has twenty rows on its first page unless asked otherwise, and says how many there are", async () => {
    for (const path of paths) {
      const { rows, meta } = await page(path);
      expect(meta).toMatchObject({ page: 1, limit: 20, total: expect.any(Number) });
      expect(rows).toHaveLength(Math.min(20, meta.total));
      expect([path, rows.length > 1]).toEqual([path, true]);
    }
    const [transactions = ""] = paths.filter((path) => path.endsWith("/transactions"));
    expect((await page(transactions)).meta.total).toBe(debitsMade + 4);
  });

  test("has the same rows in the same order whatever the size of its pages, each once", async () => {
    for (const path of paths) {
      const { rows: all, meta } = await page(path, "?limit=100");
      expect(meta).toMatchObject({ page: 1, limit: 100, total: all.length });
      const parts = [];
      for (let number = 1; number <= Math.ceil(all.length / 2); number += 1)
        parts.push(...(await page(path, `?page=${number}&limit=2`)).rows);
      expect(parts).toEqual(all);
      expect(new Set(all.map((row: unknown) => JSON.stringify(row))).size).toBe(all.length);
      expect(await page(path, "?page=1000000")).toMatchObject({
        rows: [],
        meta: { page: 1_000_000, limit: 20, total: all.length },
      });
    }
  });

  const badPages = "page=0 page=-1 page=2.5 page=last page=9007199254740993 page=1&page=2";
  const badSizes = "limit=101 limit=0 limit=-1 limit=1.5 limit=all limit= size=10";
  test.each([...badPages.split(" "), ...badSizes.split(" ")])("refuses ?%s", async (query) => {
    for (const path of paths) {
      const { status, body } = await api.get(`${path}?${query}`, asAda);
      expect([path, status, body.error?.code]).toEqual([path, 400, "VALIDATION_ERROR"]);
    }
  });
});
