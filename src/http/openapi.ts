import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifySchema } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import { Failed, Positioned, Success } from "./envelope.ts";
import { API_PREFIX, type Route } from "./route.ts";

/** A route as OpenAPI and the serializer see it. */
export const describeRoute = (route: Route, isPublic: boolean): FastifySchema => ({
  operationId: route.name,
  summary: sentenceOf(route.name),
  tags: [route.area ?? areaOf(route.path)],
  security: isPublic ? [] : [{ accessToken: [] }, { apiKey: [] }],
  ...(Object.keys(route.params.shape).length === 0 ? {} : { params: route.params }),
  ...(route.query && { querystring: route.query }),
  ...(route.headers && { headers: route.headers }),
  ...(route.body && { body: route.body }),
  response: {
    [route.status]: { description: "Done", content: { [route.contentType]: { schema: route.answer } } },
    ...(route.method === "GET" && route.headers !== null ? stillBehind : {}),
    default: { description: "Refused", content: { "application/json": { schema: Failed } } },
  },
});

/** ES-06: what a read is answered with when it cannot show the caller's own writes in time. */
const stillBehind = {
  202: {
    description: "Not yet to be seen: ask again",
    content: { "application/json": { schema: Success(z.null(), Positioned) } },
  },
};

/** The first word of the path, or the first below a workspace. */
const areaOf = (path: string): string =>
  path
    .replace(API_PREFIX, "")
    .replace("/workspaces/:workspaceId/", "/")
    .split("/")
    .find((part) => part !== "") ?? "";

/** `DebitCredits` → `Debit credits`. */
const sentenceOf = (name: string): string => {
  const [first = "", ...rest] = name.split(/(?=[A-Z])/);
  return [first, ...rest.map((word) => word.toLowerCase())].join(" ");
};

/** FND-20: the document is made of the schemas the routes validate and serialize with. */
export const documentRoutes = (server: FastifyInstance, routes: readonly Route[]): void => {
  server.register(swagger, {
    openapi: {
      openapi: "3.0.3",
      // Wherever the document came from.
      servers: [{ url: "/" }],
      info: { title: "Everfold", description: "Accounts, workspaces and a provable credit ledger.", version: "1" },
      components: {
        securitySchemes: {
          accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
          apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => {
      const complete = jsonSchemaTransformObject(document);
      for (const route of routes) showExample(complete.paths as Paths, route);
      return complete;
    },
  });
};

/** As much of an OpenAPI document as examples are put into. */
type Paths = Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
type DocumentedOperation = {
  parameters?: { name: string; example?: unknown }[];
  requestBody?: { content: Content };
  responses: Readonly<Record<string, { content: Content }>>;
};
type Content = Readonly<Record<string, { example?: unknown }>>;

const showExample = (paths: Paths, { method, path, status, contentType, example }: Route): void => {
  const operation = paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
  const given: Readonly<Record<string, unknown>> = { ...example.params, ...example.query };
  for (const parameter of operation?.parameters ?? [])
    if (parameter.name in given) parameter.example = given[parameter.name];
  const body = operation?.requestBody?.content["application/json"];
  if (body) body.example = example.body;
  const answer = operation?.responses[status]?.content[contentType];
  if (answer) answer.example = example.answer;
};
