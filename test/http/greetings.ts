import { once } from "node:events";
import { Writable } from "node:stream";
import { z } from "zod";
import type { CommandContext } from "../../src/commands/handler.ts";
import { operation } from "../../src/commands/operation.ts";
import type { App } from "../../src/http/binder.ts";
import type { Ports } from "../../src/http/ports.ts";
import { createServer, type HttpServer, type HttpSettings } from "../../src/http/server.ts";
import type { Dependency } from "../../src/http/system.ts";
import { reject } from "../../src/kernel/rejection.ts";
import { createLog } from "../../src/platform/log.ts";
import { Unavailable } from "../../src/platform/unavailable.ts";
import { ownWrites } from "../../src/projections/positions.ts";

export const ada = {
  userId: "0190d5f0-0000-4000-8000-00000000ada0",
  sessionId: "0190d5f0-0000-4000-8000-00000000ada1",
  organizationId: "0190d5f0-0000-4000-8000-00000000ada2",
};
export const graceId = "0190d5f0-0000-4000-8000-0000000c5ace";
export const workspaceId = "0190d5f0-0000-4000-8000-0000000000a0";
const foreignWorkspaceId = "0190d5f0-0000-4000-8000-0000000000a1";
const position = 1_041n;

const Greeting = z.object({ id: z.uuid(), text: z.string() });
const hello = { id: workspaceId, text: "Hello" };

/** What the operations were asked, so that a test can see what arrived. */
export const asked: { input: unknown; context: CommandContext }[] = [];

/** What would be noted of refusals. */
export const attempts: Parameters<Ports["accessNotes"]["note"]>[] = [];

/** Answers by its own text: each kind of outcome can be asked for. */
const Greet = operation({
  name: "Greet",
  permission: "greeting:write",
  input: z.object({
    workspaceId: z.uuid(),
    greetingId: z.uuid(),
    text: z.string().min(1).max(4_000),
    times: z.int().optional(),
  }),
  output: Greeting,
  execute: async (input, context) => {
    asked.push({ input, context });
    if (input.text === "poor") return reject("insufficient", "INSUFFICIENT_CREDITS", "Too poor.", { shortfall: 3 });
    if (input.text === "returned") return { ...reject("conflict", "RETURNED", "It is back."), position: position + 1n };
    if (input.text === "much") return reject("limited", "OVERLOADED", "Too many commands wait for this already.");
    if (input.text === "bug") throw new Error("the password is hunter2");
    if (input.text === "away") throw new Unavailable("10.0.0.1 does not answer");
    const answer = { id: input.greetingId, text: input.text, secret: "not in the schema" };
    return { answer, revision: 7n, position, replayed: input.text === "again" };
  },
});

const SignIn = operation({
  name: "SignIn",
  permission: "public",
  input: z.object({ name: z.string() }),
  output: Greeting,
  execute: async ({ name }, context) => {
    asked.push({ input: { name }, context });
    return { answer: { id: graceId, text: name }, revision: 0n, position, replayed: false };
  },
});

const greetingRoutes = (app: App): void => {
  app.command("POST", "/workspaces/:workspaceId/greetings", Greet, {
    status: 201,
    fresh: "greetingId",
    example: { params: { workspaceId }, body: { text: "Hello" }, data: hello },
  });
  app.command("POST", "/sign-in", SignIn, {
    limit: "auth",
    author: ({ id }) => id,
    example: { body: { name: "Ada" }, data: hello },
  });
  app.query("/workspaces/:workspaceId/greetings/:greetingId", {
    name: "GetGreeting",
    permission: "greeting:read",
    output: Greeting,
    example: { params: { workspaceId, greetingId: workspaceId }, data: hello },
    load: async (_, { params: { greetingId } }) =>
      greetingId === workspaceId ? { ...hello, revision: 7, secret: "not in the schema" } : null,
  });
  app.list("/workspaces/:workspaceId/greetings", {
    name: "ListGreetings",
    permission: "greeting:read",
    output: Greeting,
    query: { text: z.string().optional() },
    example: { params: { workspaceId }, data: hello },
    load: async (_, { query: { limit, offset, text = "Hello" } }) => ({
      rows: Array.from({ length: limit }, () => ({ ...hello, text: `${text} from ${offset}` })),
      total: 300,
    }),
  });
  app.query("/workspaces/:workspaceId/greetings/forbidden", {
    name: "GetForbiddenGreeting",
    permission: "greeting:own",
    output: Greeting,
    example: { params: { workspaceId }, data: hello },
    load: () => Promise.reject(new Error("unreachable")),
  });
  app.stream("/workspaces/:workspaceId/greetings/export", {
    name: "ExportGreetings",
    permission: "greeting:admin",
    output: Greeting,
    query: { count: z.coerce.number().int() },
    example: { params: { workspaceId }, query: { count: 1 }, data: hello },
    lines: async function* ({ query: { count } }) {
      if (count < 0) throw new Unavailable("the store does not answer");
      for (let index = 0; index < count; index += 1) yield { ...hello, text: `Hello ${index}` };
    },
  });
};

/** Ada is an admin of one workspace; her token says "ada", and other words say what is wrong with them. */
export const greetingPorts = (): Ports => ({
  handler: { handle: () => Promise.reject(new Error("no single commands here")) },
  tokens: {
    verify: async (token) =>
      token === "ada" || token === "left"
        ? { ...ada, roles: [token], tokenId: ada.sessionId, issuedAtS: 0, expiresAtS: 1 }
        : { fault: token === "old" ? "expired" : "wrong_signature" },
  },
  sessions: { standing: async ({ roles: [token] }) => (token === "left" ? "ended" : "active") },
  apiKeys: { callerOf: async () => ({ fault: "unknown_key" }) },
  access: {
    permissions: {
      public: { tier: "public" },
      "greeting:read": { tier: "workspace", role: "viewer" },
      "greeting:write": { tier: "workspace", role: "member" },
      "greeting:admin": { tier: "workspace", role: "admin" },
      "greeting:own": { tier: "workspace", role: "owner" },
    },
    check: async (permission, { organizationId }, { workspaceId }) => {
      const grounds = { tier: "workspace", role: "admin", reason: "workspace_role" } as const;
      if (workspaceId === foreignWorkspaceId)
        return { ...reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace."), ...grounds };
      return permission === "greeting:own"
        ? { ...reject("forbidden", "FORBIDDEN", "Your role does not permit this.", { required: "owner" }), ...grounds }
        : { ...grounds, organizationId };
    },
  },
  accessNotes: { note: (...noted) => void attempts.push(noted) },
  writes: ownWrites(100),
  projected: { waitFor: async (wanted) => wanted <= position },
  readAsTenant: (work) => work(undefined as never),
  now: () => "2026-11-20T12:00:00.000Z",
});

const unlimited: HttpSettings = {
  CORS_ORIGIN: ["https://app.example"],
  RATE_LIMIT_MAX: 0,
  RATE_LIMIT_AUTH_MAX: 0,
  BODY_LIMIT_BYTES: 1_048_576,
  TRUST_PROXY: false,
};

type Line = Readonly<Record<string, unknown>>;
export type Served = {
  server: HttpServer;
  url: string;
  /** Everything logged so far, as text and as parsed lines. */
  logText(): string;
  /** The line of one request; waits until it is written. */
  lineOf(requestId: string | null): Promise<Line>;
};

/** A greeting server that listens on a port of its own. */
export const serveGreetings = async (
  settings: Partial<HttpSettings> = {},
  extra: { ports?: Partial<Ports>; dependencies?: readonly Dependency[]; features?: (app: App) => void } = {},
): Promise<Served> => {
  let text = "";
  const written = new Writable({
    write: (chunk, _, done) => {
      text += String(chunk);
      written.emit("line");
      done();
    },
  });
  written.setMaxListeners(0);
  const server = await createServer({
    settings: { ...unlimited, ...settings },
    log: createLog("info", written),
    ports: { ...greetingPorts(), ...extra.ports },
    keys: {
      jwks: () => ({ keys: [{ kty: "RSA", kid: "one", alg: "RS256", use: "sig", n: "AQAB", e: "AQAB" }] }),
      ledgerKeys: async () => ({
        keys: [{ kty: "OKP", kid: "two", alg: "EdDSA", use: "sig", crv: "Ed25519", x: "AQAB" }],
      }),
    },
    dependencies: extra.dependencies ?? [{ name: "postgres", fault: async () => undefined }],
    features: extra.features ?? greetingRoutes,
  });
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  const find = (requestId: string | null) =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Line => JSON.parse(line))
      .find((line) => line["requestId"] === requestId && line["message"] === "request");
  const lineOf = async (requestId: string | null): Promise<Line> => {
    for (;;) {
      const line = find(requestId);
      if (line) return line;
      await once(written, "line");
    }
  };
  return { server, url, logText: () => text, lineOf };
};

const Failed = z.strictObject({
  success: z.literal(false),
  data: z.null(),
  error: z.strictObject({ code: z.string().regex(/^[A-Z_]+$/), message: z.string(), details: z.unknown() }),
  meta: z.strictObject({ requestId: z.uuid() }),
});
const Succeeded = z.strictObject({
  success: z.literal(true),
  data: z.unknown(),
  error: z.null(),
  meta: z.record(z.string(), z.unknown()),
});
/** FND-06: what every JSON answer looks like. */
export const Envelope = z.discriminatedUnion("success", [Succeeded, Failed]);

export const errorOf = async (answer: Response) => Failed.parse(await answer.json()).error;
export const dataOf = async (answer: Response) => Succeeded.parse(await answer.json()).data;
