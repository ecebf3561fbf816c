import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { tenantContext } from "../../src/platform/tenantContext.ts";
import { Unavailable } from "../../src/platform/unavailable.ts";
import {
  ada,
  dataOf,
  Envelope,
  errorOf,
  greetingPorts,
  type Served,
  serveGreetings,
  workspaceId,
} from "./greetings.ts";

const greetings = `/api/v1/workspaces/${workspaceId}/greetings`;
const Line = z.object({ text: z.string() });

describe("a read over HTTP", () => {
  let served: Served;
  const ports = greetingPorts();
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${served.url}${path}`, { headers: { authorization: "Bearer ada", ...headers } });
  const codeAt = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await get(path, headers);
    return [answer.status, (await errorOf(answer)).code];
  };

  beforeAll(async () => {
    served = await serveGreetings({}, { ports });
  });
  afterAll(() => served.server.close());

  it("of one resource gives what its schema names, with the revision as ETag", async () => {
    const answer = await get(`${greetings}/${workspaceId}`);
    expect(Envelope.parse(await answer.json())).toEqual({
      success: true,
      data: { id: workspaceId, text: "Hello" },
      error: null,
      meta: {},
    });
    expect(answer.headers.get("etag")).toBe('"7"');
  });

  it("of what is not there is 404", async () => {
    expect(await codeAt(`${greetings}/${randomUUID()}`)).toEqual([404, "RESOURCE_NOT_FOUND"]);
  });

  it("FND-16: of a list gives a page of 20, or what is asked for up to 100", async () => {
    const pageOf = async (query: string) => Envelope.parse(await (await get(`${greetings}${query}`)).json());
    expect((await pageOf("")).meta).toEqual({ page: 1, limit: 20, total: 300 });
    const third = await pageOf("?page=3&limit=2&text=Hi");
    expect([third.data, third.meta]).toEqual([
      [
        { id: workspaceId, text: "Hi from 4" },
        { id: workspaceId, text: "Hi from 4" },
      ],
      { page: 3, limit: 2, total: 300 },
    ]);
    for (const bad of [
      "page=0",
      "page=-1",
      "page=1.5",
      "page=x",
      "page=",
      "limit=101",
      "limit=0",
      "page=1&page=2",
      "sort=id",
    ])
      expect(await codeAt(`${greetings}?${bad}`)).toEqual([400, "VALIDATION_ERROR"]);
  });

  it("of a path with an id that is no UUID is 400", async () => {
    for (const id of ["1", "no-uuid", "%00", "..%2f..%2fetc", "x".repeat(3_000)])
      expect(await codeAt(`${greetings}/${id}`)).toEqual([400, "VALIDATION_ERROR"]);
  });

  it("ES-06: shows what its reader wrote, or says with 202 from which position on it will", async () => {
    const behind = await get(greetings, { "x-event-position": "2000" });
    expect([behind.status, behind.headers.get("retry-after"), await behind.json()]).toEqual([
      202,
      "1",
      { success: true, data: null, error: null, meta: { position: "2000" } },
    ]);
    ports.writes.wrote({ userId: ada.userId }, 1_041n);
    expect((await get(greetings)).status).toBe(200);
    ports.writes.wrote({ workspaceId }, 1_042n);
    const ownBehind = await get(greetings, { "x-event-position": "7" });
    expect([ownBehind.status, Envelope.parse(await ownBehind.json()).meta]).toEqual([202, { position: "1042" }]);
    expect(await codeAt(greetings, { "x-event-position": "soon" })).toEqual([400, "VALIDATION_ERROR"]);
  });

  it("is 503 rather than 202 when the read models are away", async () => {
    const away = await serveGreetings(
      {},
      {
        ports: {
          projected: { waitFor: async () => false },
          readAsTenant: () => Promise.reject(new Unavailable("connect ECONNREFUSED")),
        },
      },
    );
    const answer = await fetch(`${away.url}${greetings}`, { headers: { authorization: "Bearer ada" } });
    expect([answer.status, answer.headers.get("retry-after"), (await errorOf(answer)).code]).toEqual([
      503,
      "1",
      "BACKEND_UNAVAILABLE",
    ]);
    await away.server.close();
  });

  it("TEN-02: reads as the tenant the access was granted for", async () => {
    const tenants: unknown[] = [];
    const watching = await serveGreetings(
      {},
      {
        ports: {
          readAsTenant: (work) => {
            tenants.push(tenantContext.current());
            return work(undefined as never);
          },
        },
      },
    );
    const requestId = randomUUID();
    const headers = { authorization: "Bearer ada", "x-request-id": requestId };
    await dataOf(await fetch(`${watching.url}${greetings}`, { headers }));
    expect(tenants).toEqual([{ organizationId: ada.organizationId, workspaceId, userId: ada.userId, requestId }]);
    await watching.server.close();
  });

  it("streams NDJSON, one line an item", async () => {
    const answer = await get(`${greetings}/export?count=3000`);
    const lines = (await answer.text()).trimEnd().split("\n");
    expect(answer.headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
    expect(lines).toHaveLength(3_000);
    expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ id: workspaceId, text: "Hello 2999" });
    expect(await (await get(`${greetings}/export?count=0`)).text()).toBe("");
  });

  it("that cannot even begin to stream is an error like any other", async () => {
    expect(await codeAt(`${greetings}/export?count=-1`)).toEqual([503, "BACKEND_UNAVAILABLE"]);
  });

  it("stops reading when its reader goes", async () => {
    const stopped = Promise.withResolvers<void>();
    let made = 0;
    const endless = await serveGreetings(
      {},
      {
        features: (app) =>
          app.stream("/endless", {
            name: "ExportEverything",
            permission: "greeting:admin",
            output: Line,
            example: { data: { text: "x" } },
            lines: async function* () {
              try {
                for (; ; made += 1) yield { text: "x".repeat(1_000) };
              } finally {
                stopped.resolve();
              }
            },
          }),
      },
    );
    const leaving = new AbortController();
    const headers = { authorization: "Bearer ada" };
    const answer = await fetch(`${endless.url}/api/v1/endless`, { headers, signal: leaving.signal });
    await answer.body?.getReader().read();
    leaving.abort();
    await stopped.promise;
    expect(made).toBeGreaterThan(0);
    await endless.server.close();
  });
});
