import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import helmet from "@fastify/helmet";
import fastify from "fastify";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { App } from "../../src/http/binder.ts";
import { protectingHeaders } from "../../src/http/protectingHeaders.ts";
import { type Stage, stageChannel, stages } from "../../src/http/stage.ts";
import { dataOf, errorOf, type Served, serveGreetings, workspaceId } from "./greetings.ts";

const greetingsPath = `/api/v1/workspaces/${workspaceId}/greetings`;
const asAda = { authorization: "Bearer ada" };
const json = { ...asAda, "content-type": "application/json" };

describe("the pipeline", () => {
  let served: Served;
  let extra: Served | undefined;
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${served.url}${path}`, { headers });
  const greet = (text: string, headers: Record<string, string> = json) =>
    fetch(`${served.url}${greetingsPath}`, { method: "POST", headers, body: JSON.stringify({ text }) });

  beforeAll(async () => {
    served = await serveGreetings();
  });
  afterAll(() => served.server.close());
  afterEach(async () => {
    await extra?.server.close();
    extra = undefined;
  });

  it("FND-11: takes a request through its stages in one order, the error handler last", async () => {
    const passed: Stage[] = [];
    const record = (message: unknown) => passed.push((message as { stage: Stage }).stage);
    stageChannel.subscribe(record);
    await greet("bug");
    stageChannel.unsubscribe(record);
    expect(passed).toEqual([...stages]);
  });

  it("FND-13: says that the process is alive, at both addresses", async () => {
    for (const path of ["/api/v1/health", "/health"]) {
      const answer = await get(path);
      expect([answer.status, await answer.json()]).toEqual([
        200,
        { success: true, data: { status: "ok" }, error: null, meta: {} },
      ]);
    }
  });

  it("FND-14: is ready only while all it depends on is healthy, and says what is not", async () => {
    const faults: (string | undefined)[] = [undefined, "is 90 s behind", undefined];
    extra = await serveGreetings({}, { dependencies: [{ name: "postgres", fault: async () => faults.shift() }] });
    const ready = await fetch(`${extra.url}/ready`);
    expect([ready.status, await dataOf(ready)]).toEqual([
      200,
      { status: "ready", dependencies: [{ name: "postgres", status: "up", reason: null }] },
    ]);
    const behind = await fetch(`${extra.url}/api/v1/ready`);
    expect([behind.status, await errorOf(behind)]).toEqual([
      503,
      {
        code: "NOT_READY",
        message: "A dependency is not healthy.",
        details: { dependencies: [{ name: "postgres", status: "down", reason: "is 90 s behind" }] },
      },
    ]);
    expect((await fetch(`${extra.url}/api/v1/ready`)).status).toBe(200);
  });

  it("FND-14: tells nobody where a dependency is that cannot be reached", async () => {
    const fault = () => Promise.reject(new Error("connect ECONNREFUSED 10.0.0.1:2113"));
    extra = await serveGreetings({}, { dependencies: [{ name: "eventstore", fault }] });
    const { details } = await errorOf(await fetch(`${extra.url}/ready`));
    expect(details).toEqual({ dependencies: [{ name: "eventstore", status: "down", reason: "cannot be reached" }] });
  });

  it("FND-08: takes over a request id that is a UUID, and replaces any other", async () => {
    const id = randomUUID();
    expect((await get("/health", { "x-request-id": id })).headers.get("x-request-id")).toBe(id);
    for (const given of ["", "one", `${id}x`, `${id},${id}`]) {
      const made = (await get("/health", { "x-request-id": given })).headers.get("x-request-id");
      expect(made).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(made).not.toBe(given);
    }
  });

  it("SEC-01, SEC-02: sends the protecting headers with success, refusal, error and unknown route alike", async () => {
    const answers = [await get("/health"), await get(greetingsPath), await greet("bug"), await get("/nowhere")];
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 500, 404]);
    for (const { headers } of answers)
      expect(Object.fromEntries(headers)).toMatchObject({
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "strict-transport-security": "max-age=31536000; includeSubDomains",
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
      });
    for (const { headers } of answers) expect(headers.has("x-powered-by") || headers.has("server")).toBe(false);
  });

  it("SEC-01: sends what helmet would send, though it is written out", async () => {
    const withHelmet = fastify();
    await withHelmet.register(helmet, {
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
      xFrameOptions: { action: "deny" },
    });
    const bare = Object.keys((await fastify().inject("/")).headers);
    const { headers } = await withHelmet.inject("/");
    const set = Object.entries(headers).filter(([name]) => !bare.includes(name));
    expect(protectingHeaders).toEqual({
      ...Object.fromEntries(set),
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cache-control": "no-store",
    });
  });

  it("FND-12: lets pages of the origins listed call, and no others", async () => {
    const preflight = (origin: string) =>
      fetch(`${served.url}${greetingsPath}`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "idempotency-key",
        },
      });
    const allowed = (await preflight("https://app.example")).headers;
    expect(allowed.get("access-control-allow-origin")).toBe("https://app.example");
    expect(allowed.get("access-control-allow-credentials")).toBe("true");
    for (const origin of ["https://evil.example", "https://app.example.evil.example", "null"])
      expect((await preflight(origin)).headers.has("access-control-allow-origin")).toBe(false);
    const simple = await get("/health", { origin: "https://evil.example" });
    expect(simple.headers.has("access-control-allow-origin")).toBe(false);
  });

  it("FND-15: refuses versions it does not serve, by path and by header", async () => {
    for (const path of ["/api/v2/health", "/api/v0", "/api/v11/workspaces"]) {
      const answer = await get(path);
      expect([answer.status, await errorOf(answer)]).toEqual([
        404,
        {
          code: "UNSUPPORTED_API_VERSION",
          message: "This version of the API is not served.",
          details: { supported: ["v1"] },
        },
      ]);
    }
    expect((await get("/api/v1/health", { "accept-version": "2.x" })).status).toBe(406);
    for (const version of ["1", "v1", "1.x", "1.0.0", "*"])
      expect((await get("/api/v1/health", { "accept-version": version })).status).toBe(200);
  });

  it("FND-17: compresses what is over 1 KiB, except streams and answers to commands", async () => {
    const encodingOf = async (answer: Response) => {
      await answer.arrayBuffer();
      return answer.headers.get("content-encoding");
    };
    const accepting = { ...json, "accept-encoding": "gzip" };
    expect(await encodingOf(await get(`${greetingsPath}?limit=100`, accepting))).toBe("gzip");
    expect(await encodingOf(await get(`${greetingsPath}?limit=1`, accepting))).toBe(null);
    expect(await encodingOf(await get(`${greetingsPath}?limit=100`, { ...asAda, "accept-encoding": "identity" }))).toBe(
      null,
    );
    expect(await encodingOf(await get(`${greetingsPath}/export?count=100`, accepting))).toBe(null);
    expect(await encodingOf(await greet("x".repeat(4_000), accepting))).toBe(null);
  });

  it("FND-18: limits what a request may weigh, in body, headers and URL", async () => {
    const answers = [
      await greet("x".repeat(1_048_576)),
      await get("/health", { "x-much": "x".repeat(20_000) }),
      await get(`/health?${"x".repeat(5_000)}`),
    ];
    expect(await Promise.all(answers.map(async (answer) => [answer.status, (await errorOf(answer)).code]))).toEqual([
      [413, "BODY_TOO_LARGE"],
      [431, "HEADERS_TOO_LARGE"],
      [414, "URL_TOO_LONG"],
    ]);
  });

  it("tells an unknown route, a method that a route does not have and a URL that cannot be decoded", async () => {
    const outcome = async (method: string, path: string, body?: string) => {
      const headers = { ...json, "content-length": String(body?.length ?? 0) };
      const answer = await fetch(`${served.url}${path}`, { method, headers, ...(body ? { body } : {}) });
      return [answer.status, (await errorOf(answer)).code, answer.headers.get("allow")];
    };
    expect(await outcome("GET", "/api/v1/nowhere")).toEqual([404, "ROUTE_NOT_FOUND", null]);
    expect(await outcome("POST", "/api/v1/nowhere", "{not json")).toEqual([404, "ROUTE_NOT_FOUND", null]);
    expect(await outcome("DELETE", greetingsPath)).toEqual([405, "METHOD_NOT_ALLOWED", "GET, HEAD, POST"]);
    expect(await outcome("PUT", greetingsPath, "{not json")).toEqual([405, "METHOD_NOT_ALLOWED", "GET, HEAD, POST"]);
    expect(await outcome("POST", "/api/v1/workspaces/%zz/greetings")).toEqual([400, "MALFORMED_URL", null]);
  });

  it("FND-09: logs a request whose client did not wait for the answer", async () => {
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    extra = await serveGreetings({}, { features: (app) => slow(app, started.resolve, finish.promise) });
    const leaving = new AbortController();
    const requestId = randomUUID();
    const headers = { ...asAda, "x-request-id": requestId };
    const answer = fetch(`${extra.url}/api/v1/slow`, { headers, signal: leaving.signal });
    await started.promise;
    leaving.abort();
    await expect(answer).rejects.toThrow("aborted");
    expect(await extra.lineOf(requestId)).toMatchObject({ action: "GetSlow", statusCode: 499, outcome: "aborted" });
    finish.resolve();
  });

  it("FND-06: answers in the envelope even what Node itself would refuse", async () => {
    const port = Number(new URL(served.url).port);
    const answerTo = async (sent: string) => {
      const socket = connect(port, "127.0.0.1").setEncoding("utf8");
      socket.write(sent);
      const [answer] = await once(socket, "data");
      socket.destroy();
      const [head = "", body = ""] = String(answer).split("\r\n\r\n");
      const { error, meta } = z
        .object({ error: z.object({ code: z.string() }).nullable(), meta: z.record(z.string(), z.string()) })
        .parse(JSON.parse(body));
      const requestId = head.match(/x-request-id: (\S+)/)?.[1] ?? "";
      expect(meta["requestId"] ?? requestId).toBe(requestId);
      return [await served.lineOf(requestId).then(({ statusCode }) => statusCode), error?.code];
    };
    expect(await answerTo("hello?\r\n\r\n")).toEqual([400, "BAD_REQUEST"]);
    expect(await answerTo("GET /health HTTP/1.1\r\n\r\n")).toEqual([400, "BAD_REQUEST"]);
    expect(await answerTo("GET /health HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n")).toEqual([200, undefined]);
    expect(await answerTo("GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")).toEqual([
      200,
      undefined,
    ]);
    expect(await answerTo(`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toEqual([
      431,
      "HEADERS_TOO_LARGE",
    ]);
  });

  it("FND-22: is not ready any more from the moment it is asked to stop", async () => {
    const probing = Promise.withResolvers<void>();
    const probed = Promise.withResolvers<undefined>();
    const fault = () => {
      probing.resolve();
      return probed.promise;
    };
    const stopping = await serveGreetings({}, { dependencies: [{ name: "postgres", fault }] });
    const answer = fetch(`${stopping.url}/ready`);
    await probing.promise;
    const closed = stopping.server.close();
    probed.resolve(undefined);
    expect((await answer).status).toBe(503);
    expect((await errorOf(await answer)).message).toBe("The process is stopping.");
    await closed;
  });

  it("FND-22: takes no more requests, waits for none on silent connections, finishes those it has", async () => {
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const stopping = await serveGreetings({}, { features: (app) => slow(app, started.resolve, finish.promise) });
    const silent = connect(Number(new URL(stopping.url).port), "127.0.0.1");
    await once(silent, "connect");
    const answer = fetch(`${stopping.url}/api/v1/slow`, { headers: asAda });
    await started.promise;
    const closed = stopping.server.close();
    await expect(fetch(`${stopping.url}/health`)).rejects.toThrow();
    await once(silent, "close");
    finish.resolve();
    expect((await answer).status).toBe(200);
    await closed;
  });
});

const slow = (app: App, onStart: () => void, end: Promise<void>) =>
  app.query("/slow", {
    name: "GetSlow",
    permission: "greeting:read",
    output: z.object({ done: z.boolean() }),
    example: { data: { done: true } },
    load: async () => {
      onStart();
      await end;
      return { done: true };
    },
  });
