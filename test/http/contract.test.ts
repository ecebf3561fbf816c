import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Route } from "../../src/http/route.ts";
import { type Client, client, expectStatus, newWorkspace, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const frontend = "https://app.example";

const stack = new AsyncDisposableStack();
let url: string;
let api: Client;
let routes: readonly Route[];
let ada: SignedIn;
let asAda: { token: string };
beforeAll(async () => {
  const { everfold } = await installation(stack);
  ({ url, routes } = await everfold({ CORS_ORIGIN: frontend }));
  api = client(url);
  ada = await signedIn(api);
  asAda = { token: ada.accessToken };
});
afterAll(() => stack.disposeAsync());

const Content = z.record(
  z.string(),
  z.object({ schema: z.custom<z.core.JSONSchema.JSONSchema>(), example: z.unknown().optional() }),
);
const Operation = z.object({
  operationId: z.string(),
  parameters: z.array(z.object({ name: z.string(), example: z.unknown().optional() })).default([]),
  requestBody: z.object({ content: Content }).optional(),
  responses: z.record(z.string(), z.object({ content: Content })),
});
const Document = z.object({ paths: z.record(z.string(), z.record(z.string(), Operation)) });

describe("the documentation", () => {
  let operations: (z.output<typeof Operation> & { method: string; path: string })[];
  beforeAll(async () => {
    const { paths } = Document.parse((await api.get("/openapi.json")).body);
    operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation })),
    );
  });

  test("FND-20: names every route there is, and no other", () => {
    const documented = operations.map(({ method, path, operationId }) => `${method} ${path} ${operationId}`);
    const registered = routes.map(
      ({ method, path, name }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")} ${name}`,
    );
    expect(registered.length).toBeGreaterThan(20);
    expect(documented.sort()).toEqual(registered.sort());
  });

  test("FND-20: has an example of every body and answer, as its own schemas want them", () => {
    for (const { operationId, requestBody, responses } of operations) {
      const [status = ""] = Object.keys(responses).filter((code) => code === "200" || code === "201");
      const answer = Object.entries(responses[status]?.content ?? {});
      expect([operationId, answer.length]).toEqual([operationId, 1]);
      for (const [, { schema, example }] of [...Object.entries(requestBody?.content ?? {}), ...answer]) {
        const { error } = z.fromJSONSchema(schema, { defaultTarget: "openapi-3.0" }).safeParse(example);
        expect([operationId, error]).toEqual([operationId, undefined]);
      }
    }
  });

  test("FND-10: every route says what it takes; an example fills in each part of its path", () => {
    for (const { path, operationId, parameters } of operations)
      for (const [, name] of path.matchAll(/\{(\w+)\}/g))
        expect([operationId, parameters.find((parameter) => parameter.name === name)]).toEqual([
          operationId,
          { name, example: expect.any(String) },
        ]);
  });

  test("FND-20: is a page that takes nothing from elsewhere", async () => {
    const answer = await fetch(`${url}/api/v1/docs`);
    expect(answer.status).toBe(200);
    const page = await answer.text();
    expect(page).not.toMatch(/https?:\/\//);
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; script-src 'self' 'sha256-/);
    expect(policy).not.toMatch(/https?:|\*|script-src[^;]*unsafe/);
    const sources = [...page.matchAll(/<script[^>]* src="([^"]+)"/g)].map(([, source = ""]) => source);
    const scripts = sources.map((source) => new URL(source, answer.url));
    expect(scripts.map(({ origin }) => origin)).toEqual([url]);
    for (const script of scripts) expect((await fetch(script)).status).toBe(200);
  });
});

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
    paths = routes
      .filter(({ query }) => query !== null && "page" in query.shape)
      .map(({ path }) => path.replace("/api/v1", "").replace(":workspaceId", workspaceId));
  });

  const page = async (path: string, query = "") => {
    const answer = await api.get(`${path}${query}`, asAda);
    return { rows: expectStatus(200, answer), meta: answer.body.meta };
  };

  test("is known here", () => {
    expect(paths.map((path) => path.split("/").at(-1)).sort()).toEqual([
      "alerts",
      "budgets",
      "credentials",
      "holds",
      "lots",
      "members",
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

describe("the revision of what was read", () => {
  const etagOf = async (path: string) => {
    const answer = await api.get(path, asAda);
    expect(Object.keys(expectStatus(200, answer))).not.toContain("revision");
    return answer.headers.get("etag") ?? "";
  };
  const matching = (etag: string) => ({ ...asAda, headers: { "if-match": etag } });
  const stale = { code: "REVISION_MISMATCH", message: expect.any(String) };

  test("a workspace's ETag lets one change through, and refuses the second that was made of it", async () => {
    const workspace = `/workspaces/${await newWorkspace(api, ada)}`;
    const etag = await etagOf(workspace);
    const renamed = await api.put(workspace, { name: "Growth Lab" }, matching(etag));
    expect(expectStatus(200, renamed)).toMatchObject({ name: "Growth Lab" });
    const again = await api.put(workspace, { name: "Growth Farm" }, matching(etag));
    expect([again.status, again.body.error]).toMatchObject([412, { ...stale, details: { expected: 0, current: 1 } }]);
    expect(await etagOf(workspace)).toBe(renamed.headers.get("etag"));
    expectStatus(200, await api.put(workspace, { name: "Growth Farm" }, matching(await etagOf(workspace))));
  });

  test("a workspace's members are part of what its ETag stands for", async () => {
    const workspace = `/workspaces/${await newWorkspace(api, ada)}`;
    const [grace, linus] = [await signedIn(api), await signedIn(api)];
    const before = await etagOf(workspace);
    const add = ({ email }: { email: string }, etag: string) =>
      api.post(`${workspace}/members`, { email, role: "viewer" }, matching(etag));
    expectStatus(201, await add(grace, before));
    expect([(await add(linus, before)).status, (await add({ email: "x@example.com" }, before)).status]).toEqual([
      412, 412,
    ]);
    expectStatus(200, await api.delete(`${workspace}/members/${grace.id}`, matching(await etagOf(workspace))));
    expect(await etagOf(workspace)).toBe('"2"');
    const { organizations } = expectStatus(200, await api.get("/auth/me", { token: linus.accessToken }));
    expect(organizations).toHaveLength(1);
  });

  test("a ledger's ETag changes with every debit and every setting", async () => {
    const billing = `/workspaces/${await newWorkspace(api, ada, 100)}/billing`;
    const etag = await etagOf(billing);
    const debit = { amount: 10, description: "Enrich" };
    const debited = await api.post(`${billing}/debits`, debit, matching(etag));
    expect(expectStatus(201, debited)).toMatchObject({ balance: 90 });
    const again = await api.post(`${billing}/debits`, debit, matching(etag));
    expect([again.status, again.body.error]).toMatchObject([412, stale]);
    const settings = { enabled: true, threshold: 5, amount: 50 };
    expectStatus(200, await api.put(`${billing}/auto-recharge`, settings, matching(await etagOf(billing))));
    expect((await api.put(`${billing}/auto-recharge`, settings, matching(etag))).status).toBe(412);
    expect(expectStatus(200, await api.get(billing, asAda))).toMatchObject({ creditBalance: 90, autoRecharge: true });
  });

  test("a ledger's ETag comes with a refund and with many debits at once as well", async () => {
    const billing = `/workspaces/${await newWorkspace(api, ada, 100)}/billing`;
    const debits = [1, 2].map((amount) => ({ key: `run ${amount}`, amount, description: "Enrich" }));
    const debited = await api.post(`${billing}/debits/bulk`, { debits }, asAda);
    expect(debited.headers.get("etag")).toBe(await etagOf(billing));
    const refunds = `${billing}/transactions/${expectStatus(200, debited).results[0].transaction.id}/refunds`;
    const refund = { description: "Not found" };
    const refunded = await api.post(refunds, refund, matching(debited.headers.get("etag") ?? ""));
    expect([refunded.status, refunded.headers.get("etag")]).toEqual([201, await etagOf(billing)]);
    expect((await api.post(refunds, refund, matching(debited.headers.get("etag") ?? ""))).status).toBe(412);
  });

  test("an If-Match that is no ETag of ours is refused", async () => {
    const workspace = `/workspaces/${await newWorkspace(api, ada)}`;
    for (const etag of ["0", "*", 'W/"0"', '"0", "1"', '"-1"'])
      expect((await api.put(workspace, { name: "Growth Lab" }, matching(etag))).status).toBe(400);
  });
});

test("a command sent again is answered as the first time, and says so", async () => {
  const debits = `/workspaces/${await newWorkspace(api, ada, 100)}/billing/debits`;
  const keyed = { ...asAda, headers: { "idempotency-key": "run-42" } };
  const first = await api.post(debits, { amount: 10, description: "Enrich" }, keyed);
  const second = await api.post(debits, { amount: 10, description: "Enrich" }, keyed);
  const other = await api.post(debits, { amount: 11, description: "Enrich" }, keyed);
  expect([first, second].map(({ status, headers }) => [status, headers.get("idempotency-hit")])).toEqual([
    [201, null],
    [201, "true"],
  ]);
  expect(second.body).toEqual(first.body);
  for (const header of ["etag", "x-event-position"]) expect(second.headers.get(header)).toBe(first.headers.get(header));
  expect([other.status, other.body.error.code]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
});

test("SEC-01, SEC-02: success, refusals, unknown routes and methods have the same protecting headers", async () => {
  const answers = [
    await api.get("/health"),
    await api.get("/workspaces", asAda),
    await api.post("/workspaces", { name: "" }, asAda),
    await api.get("/workspaces"),
    await api.get("/nowhere"),
    await api.put("/health", {}),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 400, 401, 404, 405]);
  for (const { headers } of answers) {
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "strict-transport-security": expect.stringMatching(/max-age=\d{7,}/),
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect([headers.has("x-powered-by"), headers.has("server")]).toEqual([false, false]);
  }
});

test("FND-12: pages of the origin configured may call, and read what they need; others may not", async () => {
  const preflight = (origin: string) =>
    fetch(`${url}/api/v1/workspaces`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,idempotency-key,if-match",
      },
    });
  const allowed = (await preflight(frontend)).headers;
  expect([allowed.get("access-control-allow-origin"), allowed.get("access-control-allow-credentials")]).toEqual([
    frontend,
    "true",
  ]);
  expect(allowed.get("access-control-allow-headers")).toMatch(/if-match/);
  for (const origin of ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"])
    expect((await preflight(origin)).headers.has("access-control-allow-origin")).toBe(false);
  const { headers } = await api.get("/workspaces", { ...asAda, headers: { origin: frontend } });
  expect(headers.get("access-control-allow-origin")).toBe(frontend);
  for (const exposed of ["etag", "x-event-position", "idempotency-hit"])
    expect(headers.get("access-control-expose-headers")).toContain(exposed);
});

test("FND-17: a long list is compressed, a short one is not, and a ledger's export never is", async () => {
  const within = `/workspaces/${await newWorkspace(api, ada, 1000)}/billing`;
  const description = "Enrich a whole page of companies";
  for (let count = 0; count < 10; count += 1)
    expectStatus(201, await api.post(`${within}/debits`, { amount: 1, description }, asAda));
  const encodingOf = async (path: string, accepted: string) => {
    const { status, headers } = await api.get(`${within}${path}`, {
      ...asAda,
      headers: { "accept-encoding": accepted },
    });
    return [status, headers.get("content-encoding")];
  };
  expect(await encodingOf("/transactions", "gzip")).toEqual([200, "gzip"]);
  expect(await encodingOf("/transactions", "br")).toEqual([200, "br"]);
  expect(await encodingOf("/transactions", "identity")).toEqual([200, null]);
  expect(await encodingOf("/transactions?limit=1", "gzip")).toEqual([200, null]);
  expect(await encodingOf("/events", "gzip")).toEqual([200, null]);
});
