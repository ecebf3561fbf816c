import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { operation } from "../../src/commands/operation.ts";
import type { Aggregate, EventDef } from "../../src/kernel/decider.ts";
import {
  ada,
  asked,
  dataOf,
  Envelope,
  errorOf,
  graceId,
  greetingPorts,
  type Served,
  serveGreetings,
  workspaceId,
} from "./greetings.ts";

const asAda = { authorization: "Bearer ada", "content-type": "application/json" };

describe("a command over HTTP", () => {
  let served: Served;
  const ports = greetingPorts();
  const greet = (body: unknown, headers: Record<string, string> = {}, workspace = workspaceId) =>
    fetch(`${served.url}/api/v1/workspaces/${workspace}/greetings`, {
      method: "POST",
      headers: { ...asAda, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });

  beforeAll(async () => {
    served = await serveGreetings({}, { ports });
  });
  afterAll(() => served.server.close());
  beforeEach(() => {
    asked.length = 0;
  });

  it("gets its input from path and body and a fresh id, and who asks from the token", async () => {
    const requestId = randomUUID();
    await greet({ text: "Hello" }, { "x-request-id": requestId, "user-agent": "curl", "if-match": '"7"' });
    expect(asked).toEqual([
      {
        input: { workspaceId, greetingId: expect.stringMatching(/^[0-9a-f-]{36}$/), text: "Hello" },
        context: {
          commandId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          requestId,
          causationId: requestId,
          now: "2026-11-20T12:00:00.000Z",
          actor: { kind: "user", id: ada.userId },
          organizationId: ada.organizationId,
          workspaceId,
          sessionId: ada.sessionId,
          ip: "127.0.0.1",
          userAgent: "curl",
          expectedRevision: 7n,
        },
      },
    ]);
  });

  it("is answered with what its output's schema names, and where it stands", async () => {
    const answer = await greet({ text: "Hello" });
    const body = Envelope.parse(await answer.json());
    expect(answer.status).toBe(201);
    expect(body).toEqual({
      success: true,
      data: { id: expect.any(String), text: "Hello" },
      error: null,
      meta: { position: "1041" },
    });
    expect(answer.headers.get("x-event-position")).toBe("1041");
    expect(answer.headers.has("idempotency-hit")).toBe(false);
  });

  it("is one command however often one caller sends one key, and says so when it was answered before", async () => {
    const key = { "idempotency-key": "order 66" };
    await greet({ text: "Hello" }, key);
    await greet({ text: "Hello" }, key);
    await greet({ text: "Hello" }, { "idempotency-key": "order 67" });
    await greet({ text: "Hello" });
    const [first, second, third, fourth] = asked.map(({ input, context }) => ({ input, id: context.commandId }));
    expect(second).toEqual(first);
    expect(new Set([first?.id, third?.id, fourth?.id]).size).toBe(3);
    expect((await greet({ text: "again" }, key)).headers.get("idempotency-hit")).toBe("true");
  });

  it("of nobody yet is kept apart by route, and its author reads what was written", async () => {
    const signIn = () =>
      fetch(`${served.url}/api/v1/sign-in`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": "order 66" },
        body: JSON.stringify({ name: "Ada" }),
      });
    expect(ports.writes.lastOf({ userId: graceId })).toBe(-1n);
    await signIn();
    expect(ports.writes.lastOf({ userId: graceId })).toBe(1_041n);
    await greet({ text: "Hello" }, { "idempotency-key": "order 66" });
    const [anonymous, known] = asked.map(({ context }) => context);
    expect(anonymous).toMatchObject({ actor: { kind: "anonymous", id: null }, organizationId: null, sessionId: null });
    expect(anonymous?.commandId).not.toBe(known?.commandId);
  });

  it("is refused with its own code, status and details", async () => {
    const answer = await greet({ text: "poor" });
    expect([answer.status, await errorOf(answer)]).toEqual([
      402,
      { code: "INSUFFICIENT_CREDITS", message: "Too poor.", details: { shortfall: 3 } },
    ]);
  });

  it("that is refused and has written all the same is read by its author, as one that was accepted", async () => {
    const before = ports.writes.lastOf({ workspaceId });
    const answer = await greet({ text: "returned" });
    expect([answer.status, answer.headers.get("x-event-position")]).toEqual([409, "1042"]);
    expect([before < 1_042n, ports.writes.lastOf({ workspaceId })]).toEqual([true, 1_042n]);
    expect((await greet({ text: "poor" })).headers.has("x-event-position")).toBe(false);
  });

  it("that is one too many is answered with 429 and when to try again", async () => {
    const answer = await greet({ text: "much" });
    expect([answer.status, answer.headers.get("retry-after"), (await errorOf(answer)).code]).toEqual([
      429,
      "1",
      "OVERLOADED",
    ]);
    expect((await greet({ text: "poor" })).headers.has("retry-after")).toBe(false);
  });

  it("FND-07: that fails tells nobody why but the log", async () => {
    const requestId = randomUUID();
    const answer = await greet({ text: "bug" }, { "x-request-id": requestId });
    expect([answer.status, await answer.json()]).toEqual([
      500,
      {
        success: false,
        data: null,
        error: { code: "INTERNAL", message: "Something went wrong on our side.", details: {} },
        meta: { requestId },
      },
    ]);
    expect(served.logText()).toContain("the password is hunter2");
  });

  it("is answered with 503 while a backend is away, and when to try again", async () => {
    const answer = await greet({ text: "away" });
    expect([answer.status, answer.headers.get("retry-after"), (await errorOf(answer)).code]).toEqual([
      503,
      "1",
      "BACKEND_UNAVAILABLE",
    ]);
  });

  it("FND-10: is not executed when anything in it is not as it must be, and says where", async () => {
    const pathsOf = async (answer: Response) => {
      const { code, details } = await errorOf(answer);
      expect([answer.status, code]).toEqual([400, "VALIDATION_ERROR"]);
      return z
        .array(z.object({ path: z.string(), message: z.string() }))
        .parse(details)
        .map(({ path }) => path);
    };
    expect(await pathsOf(await greet({ text: "" }))).toEqual(["text"]);
    expect(await pathsOf(await greet({ text: 5, times: 1.5 }))).toEqual(["text", "times"]);
    expect(await pathsOf(await greet({ text: "Hi", shout: true, times: "1" }))).toEqual(["shout"]);
    expect(await pathsOf(await greet({ text: "Hi", workspaceId }))).toEqual(["workspaceId"]);
    expect(await pathsOf(await greet({ text: "Hi", greetingId: workspaceId }))).toEqual(["greetingId"]);
    expect(await pathsOf(await greet('{"text":"Hi","__proto__":{"isAdmin":true}}'))).toEqual(["__proto__"]);
    expect(await pathsOf(await greet('{"text":"Hi","constructor":{}}'))).toEqual(["constructor"]);
    expect(await pathsOf(await greet({ text: "a\0b" }))).toEqual([""]);
    expect(await pathsOf(await greet(`{"text":${"[".repeat(500_000)}${"]".repeat(500_000)}}`))).toEqual([""]);
    expect(await pathsOf(await greet([]))).toEqual([""]);
    expect(await pathsOf(await greet("null"))).toEqual([""]);
    expect(await pathsOf(await greet(""))).toEqual(["text"]);
    expect(await pathsOf(await greet({ text: "Hi" }, {}, "no-uuid"))).toEqual(["workspaceId"]);
    expect(await pathsOf(await greet({ text: "Hi" }, { "idempotency-key": "x".repeat(256) }))).toEqual([
      "idempotency-key",
    ]);
    expect(await pathsOf(await greet({ text: "Hi" }, { "idempotency-key": "\u00e9" }))).toEqual(["idempotency-key"]);
    expect(await pathsOf(await greet({ text: "Hi" }, { "if-match": "7" }))).toEqual(["if-match"]);
    expect(asked).toEqual([]);
  });

  it("FND-10: of eighty thousand unknown fields is not answered with all of them", async () => {
    const names = Array.from({ length: 80_000 }, (_, index) => `f${index}`);
    const answer = await greet(Object.fromEntries(names.map((name) => [name, 0])));
    expect([answer.status, (await answer.text()).length < 4_000]).toEqual([400, true]);
    const long = await errorOf(await greet({ text: "Hi", ["x".repeat(500_000)]: 0 }));
    expect(long.details).toEqual([{ path: "x".repeat(100), message: "Unknown field" }]);
  });

  it("LOG-02: is told what is wrong with its JSON without being quoted", async () => {
    for (const body of ['{"text":"hunter2', "hunter2", '{"text":"hunter2",}', "\u00ff", "NaN"]) {
      const answer = await greet(body);
      const text = await answer.clone().text();
      expect([answer.status, (await errorOf(answer)).code]).toEqual([400, "MALFORMED_JSON"]);
      expect(text).not.toContain("hunter2");
    }
    const form = await greet("text=Hello", { "content-type": "application/x-www-form-urlencoded" });
    expect([form.status, (await errorOf(form)).code]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
    expect(asked).toEqual([]);
  });

  it("is told as RFC 9457 problem to who asks for that", async () => {
    const requestId = randomUUID();
    const answer = await greet({ text: "poor" }, { accept: "application/problem+json", "x-request-id": requestId });
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect([answer.status, await answer.json()]).toEqual([
      402,
      {
        type: "urn:everfold:problem:insufficient-credits",
        title: "Payment Required",
        status: 402,
        detail: "Too poor.",
        instance: `urn:uuid:${requestId}`,
        code: "INSUFFICIENT_CREDITS",
        details: { shortfall: 3 },
      },
    ]);
  });

  it("of a single stream goes to the handler, and its answer carries the stream's revision as ETag", async () => {
    const handled: unknown[] = [];
    const lamp: Aggregate<Record<never, EventDef>, null> = { category: "lamp", events: {}, initial: null, evolve: {} };
    const SwitchLamp = {
      name: "SwitchLamp",
      permission: "greeting:write",
      on: lamp,
      input: z.object({ isOn: z.boolean() }),
      output: z.object({ isOn: z.boolean() }),
      stream: () => workspaceId,
      decide: () => [],
      answer: () => ({ isOn: true }),
    };
    const withLamp = await serveGreetings(
      {},
      {
        ports: {
          handler: {
            handle: async (command, input, context) => {
              handled.push(command.name, input);
              const { now, actor, organizationId } = context;
              const answer = command.answer({
                events: [],
                state: command.on.initial,
                input,
                facts: { now, actor, organizationId },
              });
              return { answer, revision: 3n, position: 9n, replayed: false };
            },
          },
        },
        features: (app) => app.command("PUT", "/lamp", SwitchLamp, { example: { data: { isOn: true } } }),
      },
    );
    const answer = await fetch(`${withLamp.url}/api/v1/lamp`, {
      method: "PUT",
      headers: asAda,
      body: JSON.stringify({ isOn: true }),
    });
    expect([await dataOf(answer), answer.headers.get("etag"), handled]).toEqual([
      { isOn: true },
      '"3"',
      ["SwitchLamp", { isOn: true }],
    ]);
    await withLamp.server.close();
  });

  it("RBAC-05: does not come into being with a permission nobody knows", async () => {
    const Unknown = operation({
      name: "Unknown",
      permission: "greeting:unheard",
      input: z.object({}),
      output: z.null(),
      execute: () => Promise.reject(new Error("unreachable")),
    });
    const serving = serveGreetings(
      {},
      { features: (app) => app.command("POST", "/unknown", Unknown, { example: { data: null } }) },
    );
    await expect(serving).rejects.toThrow("Unknown: the catalogue has no permission greeting:unheard");
  });
});
