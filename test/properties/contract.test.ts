import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Envelope } from "../http/greetings.ts";
import { client, newWorkspace, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";
import { type RawAnswer, rawHttp, rawRequest } from "../support/rawHttp.ts";

const stack = new AsyncDisposableStack();
let everfold: Awaited<ReturnType<Awaited<ReturnType<typeof installation>>["everfold"]>>;
let ada: SignedIn;
let workspace: string;
beforeAll(async () => {
  everfold = await (await installation(stack)).everfold();
  const api = client(everfold.url);
  ada = await signedIn(api);
  workspace = await newWorkspace(api, ada, 1_000);
});
afterAll(() => stack.disposeAsync());

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Letters of one byte each, as they go over the wire: without line breaks these stay where they are put. */
const bytes = (min: number, max: number) =>
  fc.string({ unit: fc.integer({ min, max }).map((code) => String.fromCharCode(code)), maxLength: 40 });
const printable = bytes(0x21, 0x7e);
const odd = bytes(0x20, 0xff);

type Sent = { method: string; target: string; headers: Record<string, string>; body: Uint8Array };

/** Every route there is, as its owner calls it; and from there in all directions. */
const requests = (): fc.Arbitrary<Sent> => {
  const route = fc.constantFrom(...everfold.routes);
  const id = fc.oneof(fc.constant(workspace), fc.constant(workspace), fc.uuid(), printable.map(encodeURIComponent));
  const beyond = fc.oneof(
    { weight: 4, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: fc.constantFrom("?page=2&limit=5", "?limit=0", "/", "%00", "%ff", "/..", "?a[b]=c") },
    { weight: 1, arbitrary: printable },
    { weight: 1, arbitrary: fc.webQueryParameters().map((query) => `?${query}`) },
  );
  const known = fc
    .tuple(route, id, fc.uuid(), beyond)
    .map(([{ path }, own, other, end]) => path.replace(":workspaceId", own).replaceAll(/:\w+/g, other) + end);
  const unknown = fc.oneof(printable, odd).map((text) => `/${text.replaceAll(" ", "+")}`);
  const target = fc.oneof({ weight: 5, arbitrary: known }, { weight: 1, arbitrary: unknown });
  const method = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND");
  const body = fc.oneof(
    { weight: 4, arbitrary: route.map(({ example }) => JSON.stringify(example.body ?? {})) },
    { weight: 2, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  );
  const content = fc.oneof(
    body.map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 100 }),
    fc.constant(Buffer.alloc(0)),
  );
  const headers = fc.record(
    {
      authorization: fc.oneof(fc.constant(`Bearer ${ada.accessToken}`), fc.constant("Bearer a.b.c"), odd),
      "content-type": fc.constantFrom("application/json", "application/json", "application/json", "text/plain", ""),
      "x-request-id": fc.oneof(fc.uuid(), odd),
      "idempotency-key": fc.oneof(fc.uuid(), odd),
      "if-match": fc.constantFrom('"0"', '"5"', "*", "W/x", '"99999999999999999999"'),
      "x-event-position": fc.constantFrom("0", "1", "-1", "x", "1.5"),
      accept: fc.constantFrom("*/*", "text/html", "application/json", "\xff"),
      cookie: odd,
      origin: printable,
      "access-control-request-method": fc.constantFrom("POST", "\xe9"),
      expect: fc.constantFrom("100-continue", "wonders"),
      upgrade: fc.constantFrom("websocket", "h2c"),
    },
    { requiredKeys: ["authorization", "content-type"] },
  );
  const mixed = fc.record({ method, target, headers, body: content });
  const inOrder = { authorization: `Bearer ${ada.accessToken}`, "content-type": "application/json" };
  const right = fc.tuple(route, id, fc.uuid(), headers).map(([{ method: verb, path, example }, own, other, given]) => ({
    method: verb,
    target: path.replace(":workspaceId", own).replaceAll(/:\w+/g, other),
    headers: { ...(given["x-request-id"] ? { "x-request-id": given["x-request-id"] } : {}), ...inOrder },
    body: Buffer.from(example.body ? JSON.stringify(example.body) : ""),
  }));
  return fc.oneof(right, mixed).filter(({ method: verb, target: to }) => !endsTheRest(verb, to));
};

/** What would leave the requests after it without a workspace or a session. */
const endsTheRest = (method: string, target: string) =>
  target.includes("logout-everywhere") || (method === "DELETE" && new RegExp(`${workspace}/?([?#;]|$)`).test(target));

const answerTo = async ({ method, target, headers, body }: Sent): Promise<RawAnswer> => {
  const answer = await rawHttp(everfold.url, rawRequest(method, target, headers, body));
  if (answer === undefined) throw new Error("the connection was closed without an answer");
  return answer;
};

/** The few answers that are documents of their own. */
const documents =
  /^(application\/x-ndjson|application\/jwk-set\+json|application\/vnd\.oai|text\/html|text\/javascript)/;

const expectEnvelope = ({ status, headers, body }: RawAnswer): void => {
  expect(headers["x-request-id"]).toMatch(uuid);
  const { success, error, meta } = Envelope.parse(JSON.parse(body));
  expect(success).toBe(status < 400);
  expect(error === null).toBe(success);
  if (!success) expect(meta["requestId"]).toBe(headers["x-request-id"]);
};

test("P26, FND-06, FND-07, FND-08, FND-20: any request whatever is answered in the envelope under a UUID", async () => {
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(requests(), async (sent) => {
      const answer = await answerTo(sent);
      statuses.add(answer.status);
      expect(answer.headers["x-request-id"]).toMatch(uuid);
      expect(answer.status).toBeLessThan(500);
      const isDocument = answer.status === 200 && documents.test(answer.headers["content-type"] ?? "");
      if (answer.body === "") expect(sent.method === "HEAD" || answer.status === 204).toBe(true);
      else if (!isDocument) expectEnvelope(answer);
    }),
    { numRuns: 600 },
  );
  expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 400, 401, 404, 405, 415]));
});

test("P26: what is no HTTP at all is answered in the envelope as well (FND-06, FND-08)", async () => {
  const word = fc.oneof(fc.constantFrom("GET", "POST", "/health", "HTTP/1.1", "HTTP/9", "PRI", "*", ":"), odd);
  const lines = fc.array(
    fc.array(word, { maxLength: 4 }).map((words) => words.join(" ")),
    { minLength: 1, maxLength: 5 },
  );
  const garbage = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }).map((array) => Buffer.from(array)),
    lines.map((some) => Buffer.from(some.join("\r\n"), "latin1")),
  );
  await fc.assert(
    fc.asyncProperty(garbage, async (sent) => {
      const answer = await rawHttp(everfold.url, sent, { ends: true });
      // Empty lines before a request are to be ignored (RFC 9112), and CONNECT asks for a tunnel: neither is answered.
      if (answer === undefined) expect(sent.toString("latin1")).toMatch(/^([\r\n]*|CONNECT .*)$/s);
      else expectEnvelope(answer);
    }),
    { numRuns: 300, examples: [[Buffer.from("PRI *\r\n\r\n")]] },
  );
});

test("P27, FND-09, LOG-01, LOG-03: any request leaves one line of JSON that tells what became of it", async () => {
  const told: { sent: Sent; id: string; status: number }[] = [];
  await fc.assert(
    fc.asyncProperty(requests(), async (sent) => {
      const { "x-request-id": _, ...headers } = sent.headers;
      const given = sent.headers["x-request-id"] === undefined ? {} : { "x-request-id": randomUUID() };
      const answer = await answerTo({ ...sent, headers: { ...headers, ...given } });
      told.push({ sent, id: answer.headers["x-request-id"] ?? "", status: answer.status });
    }),
    { numRuns: 300 },
  );
  const linesOf = (id: string) => everfold.lines.filter((line) => line.includes(id));
  await vi.waitFor(() => expect(told.filter(({ id }) => linesOf(id).length === 0)).toEqual([]), 10_000);
  for (const { sent, id, status } of told) {
    const lines = linesOf(id);
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines.join());
    const { method, path, requestId } = line;
    expect(line).toMatchObject({ message: "request", statusCode: status, responseTime: expect.any(Number) });
    expect(requestId).toBe(id);
    // What cannot be parsed as HTTP has neither.
    if (method !== null) expect([method, path]).toEqual([sent.method, sent.target.split("?", 1)[0]]);
    else expect(status).toBe(400);
  }
});
