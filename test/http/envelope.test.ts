import { randomUUID } from "node:crypto";
import { request as send } from "node:http";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Envelope, type Served, serveGreetings, workspaceId } from "./greetings.ts";

type Answer = { status: number; headers: Readonly<Record<string, unknown>>; body: string };
type Sent = { method: string; path: string; headers: Record<string, string>; body: string };

describe("any request whatever", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serveGreetings();
  });
  afterAll(() => served.server.close());

  /** Not `fetch`, which would mend what is malformed. */
  const answerTo = ({ method, path, headers, body }: Sent): Promise<Answer> =>
    new Promise((resolve, fail) => {
      const { hostname, port } = new URL(served.url);
      const framed = body === "" ? headers : { ...headers, "content-length": Buffer.byteLength(body) };
      send({ hostname, port, method, path, headers: framed }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      })
        .on("error", fail)
        .end(body);
    });

  const known = [
    "/health",
    "/api/v1/ready",
    `/api/v1/workspaces/${workspaceId}/greetings`,
    `/api/v1/workspaces/${workspaceId}/greetings/${workspaceId}`,
    "/api/v1/sign-in",
    "/api/v2/health",
  ];
  const garbage = fc.stringMatching(/^[!-~]{0,40}$/).map((text) => `/${text}`);
  const path = fc.oneof(
    fc.constantFrom(...known),
    garbage,
    fc.tuple(fc.constantFrom(...known), garbage).map(([start, end]) => `${start}${end}`),
    fc.tuple(fc.constantFrom(...known), fc.webQueryParameters()).map(([start, query]) => `${start}?${query}`),
  );
  const text = fc
    .constantFrom("Hello", "poor", "bug", "away", "again", "", "a\0b", 5, null)
    .map((value) => ({ text: value }));
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.oneof(text, fc.record({ name: fc.string() })).map((value) => JSON.stringify(value)),
  );
  const headers = fc.record(
    {
      authorization: fc.constantFrom("Bearer ada", "Bearer ada", "Bearer old", "Bearer", "ada"),
      "content-type": fc.constantFrom("application/json", "application/json", "text/plain", "nonsense", ""),
      "x-request-id": fc.oneof(fc.uuid(), fc.stringMatching(/^[ -~]{0,60}$/)),
      "idempotency-key": fc.stringMatching(/^[ -~]{0,300}$/),
      "if-match": fc.stringMatching(/^[ -~]{0,20}$/),
      "x-event-position": fc.oneof(fc.nat().map(String), fc.stringMatching(/^[ -~]{0,20}$/)),
      accept: fc.constantFrom("*/*", "text/html", "application/json"),
      "accept-version": fc.constantFrom("1", "2", "x"),
      "accept-encoding": fc.constantFrom("identity", "x"),
      origin: fc.constantFrom("https://app.example", "https://evil.example"),
    },
    { requiredKeys: [] },
  );
  const method = fc.constantFrom("GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "TRACE");
  const request = fc.record({ method, path, headers, body }).map(({ method: verb, ...rest }) => ({
    method: verb,
    ...rest,
    body: verb === "GET" || verb === "TRACE" ? "" : rest.body,
  }));

  it("P26, FND-06, FND-08: is answered in the envelope, under a request id that is a UUID", async () => {
    await fc.assert(
      fc.asyncProperty(request, async (sent) => {
        const answer = await answerTo(sent);
        const { success, error, meta } = Envelope.parse(JSON.parse(answer.body));
        expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        expect(success).toBe(answer.status < 400);
        expect(error === null).toBe(success);
        if (!success) expect(meta["requestId"]).toBe(answer.headers["x-request-id"]);
      }),
      { numRuns: 500 },
    );
  });

  it("P27, FND-09, LOG-01, LOG-02: leaves one line in the log, with what happened and nothing secret", async () => {
    await fc.assert(
      fc.asyncProperty(request, async (sent) => {
        const requestId = randomUUID();
        const canary = `canary-${requestId}`;
        const separator = sent.path.includes("?") ? "&" : "?";
        const answer = await answerTo({
          ...sent,
          path: `${sent.path}${separator}token=${canary}`,
          headers: { ...sent.headers, "x-request-id": requestId, cookie: canary, "x-api-key": canary },
          body: sent.body === "" ? "" : `${sent.body}{"password":"${canary}"}`,
        });
        const line = await served.lineOf(requestId);
        expect(line).toMatchObject({
          level: "info",
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
          method: sent.method,
          path: sent.path.split("?", 1)[0],
          statusCode: answer.status,
          responseTime: expect.any(Number),
          outcome: answer.status < 400 ? "success" : answer.status < 500 ? "refused" : "failure",
        });
        for (const field of ["userId", "orgId", "sessionId", "action", "resource"]) expect(line).toHaveProperty(field);
        expect(served.logText()).not.toContain(canary);
        expect(served.logText().split(`"requestId":"${requestId}"`).length - 1).toBe(answer.status >= 500 ? 2 : 1);
      }),
      { numRuns: 200 },
    );
  });
});
