import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Served, serveGreetings, workspaceId } from "./greetings.ts";

const Operation = z.looseObject({
  operationId: z.string(),
  summary: z.string(),
  security: z.array(z.unknown()),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string(), schema: z.unknown() })).optional(),
  requestBody: z
    .object({
      required: z.boolean().optional(),
      content: z.record(z.string(), z.looseObject({ schema: z.unknown(), example: z.unknown() })),
    })
    .optional(),
  responses: z.record(
    z.string(),
    z.looseObject({ content: z.record(z.string(), z.looseObject({ schema: z.looseObject({}) })) }),
  ),
});
const Document = z.looseObject({
  openapi: z.literal("3.0.3"),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.looseObject({})) }),
});

describe("the API's documentation", () => {
  let served: Served;
  let document: z.output<typeof Document>;
  beforeAll(async () => {
    served = await serveGreetings();
    const answer = await fetch(`${served.url}/api/v1/openapi.json`);
    expect(answer.headers.get("content-type")).toContain("application/vnd.oai.openapi+json");
    document = Document.parse(await answer.json());
  });
  afterAll(() => served.server.close());

  it("FND-20: names every route there is, and no other", () => {
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`),
    );
    const registered = served.server.routes.map(
      ({ method, path, name }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")} ${name}`,
    );
    expect(documented.sort()).toEqual(registered.sort());
  });

  it("FND-20: shows each with the schemas of its answer and its refusals, and with an example", () => {
    for (const { method, path, name, status, contentType, body, permission } of served.server.routes) {
      const operation = document.paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
      const answer = operation?.responses[status]?.content[contentType];
      expect([name, answer?.schema, answer?.["example"]]).toEqual([name, expect.anything(), expect.anything()]);
      expect(operation?.responses["default"]?.content["application/json"]?.schema).toEqual({
        $ref: "#/components/schemas/Failure",
      });
      expect([name, operation?.requestBody?.content["application/json"]?.example !== undefined]).toEqual([
        name,
        body !== null,
      ]);
      expect([name, operation?.security]).toEqual([
        name,
        permission === "public" ? [] : [{ accessToken: [] }, { apiKey: [] }],
      ]);
    }
    expect(document.components.schemas["Failure"]).toMatchObject({ type: "object" });
  });

  it("FND-20: shows what a command takes, where, and an example of it", () => {
    const { parameters, requestBody } = Operation.parse(
      document.paths["/api/v1/workspaces/{workspaceId}/greetings"]?.["post"],
    );
    expect(parameters?.map(({ name, in: place }) => `${place} ${name}`)).toEqual([
      "path workspaceId",
      "header idempotency-key",
      "header if-match",
    ]);
    expect(parameters?.[0]).toMatchObject({ required: true, example: workspaceId });
    expect(requestBody?.content["application/json"]).toMatchObject({
      schema: { required: ["text"], properties: { text: { type: "string" } }, additionalProperties: false },
      example: { text: "Hello" },
    });
  });

  it("FND-20: gives examples that its own schemas accept", () => {
    for (const { name, params, query, body, answer, example } of served.server.routes) {
      expect([name, params.safeParse(example.params ?? {}).error]).toEqual([name, undefined]);
      expect([name, query?.safeParse(example.query ?? {}).error]).toEqual([name, undefined]);
      expect([name, body?.safeParse(example.body ?? {}).error]).toEqual([name, undefined]);
      expect([name, answer.safeParse(example.answer).error]).toEqual([name, undefined]);
    }
  });

  it("FND-20: has pages that run nothing but this server's own script", async () => {
    const answer = await fetch(`${served.url}/api/v1/docs`);
    const page = await answer.text();
    const policy = answer.headers.get("content-security-policy") ?? "";
    const [, inline = ""] = page.match(/<script type="text\/javascript">([\s\S]*?)<\/script>/) ?? [];
    expect(answer.status).toBe(200);
    expect(page).not.toContain("https://");
    expect(policy).toContain(`script-src 'self' 'sha256-${createHash("sha256").update(inline).digest("base64")}'`);
    expect(policy).not.toContain("http");
    const [, source = ""] = page.match(/<script src="([^"]+)"/) ?? [];
    const script = await fetch(new URL(source, answer.url));
    expect([script.status, script.headers.get("content-type")]).toEqual([200, "application/javascript; charset=utf-8"]);
    expect((await script.text()).length).toBeGreaterThan(1_000_000);
  });

  it("AUTH-08: publishes the signing keys where verifiers look for them", async () => {
    for (const path of ["/.well-known/jwks.json", "/api/v1/.well-known/jwks.json"]) {
      const answer = await fetch(`${served.url}${path}`);
      expect([answer.headers.get("content-type"), answer.headers.get("cache-control")]).toEqual([
        "application/jwk-set+json; charset=utf-8",
        "public, max-age=300",
      ]);
      expect(await answer.json()).toMatchObject({ keys: [{ kty: "RSA", kid: "one" }] });
    }
  });

  it("publishes the key that ledgers are sealed with in the same manner", async () => {
    for (const path of ["/.well-known/ledger-keys.json", "/api/v1/.well-known/ledger-keys.json"]) {
      const answer = await fetch(`${served.url}${path}`);
      expect(answer.headers.get("content-type")).toBe("application/jwk-set+json; charset=utf-8");
      expect(await answer.json()).toMatchObject({ keys: [{ kty: "OKP", kid: "two" }] });
    }
  });
});
