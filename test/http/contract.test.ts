import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Route } from "../../src/http/route.ts";
import { type Client, expectStatus, newWorkspace, type SignedIn } from "../support/client.ts";
import { bookkeeping } from "./bookkeeping.ts";

const frontend = "https://app.example";

const stack = new AsyncDisposableStack();
let url: string;
let api: Client;
let routes: readonly Route[];
let ada: SignedIn;
let asAda: { token: string };
beforeAll(async () => {
  ({ url, routes, api, ada, asAda } = await bookkeeping(stack, { CORS_ORIGIN: frontend }));
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
