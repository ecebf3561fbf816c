import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifySchema } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import type { OpenAPIV3 } from "openapi-types";
import { z } from "zod";
import { Failed, Positioned, Success } from "./envelope.ts";
import { API_PREFIX, type Route } from "./route.ts";

/** A route as OpenAPI and the serializer see it. */
export const describeRoute = (route: Route, isPublic: boolean): FastifySchema => ({
  operationId: route.name,
  summary: sentenceOf(route.name),
  tags: [
    route.path
      .replace(API_PREFIX, "")
      .split("/")
      .findLast((part) => /^[a-z-]+$/.test(part)) ?? "system",
  ],
  security: isPublic ? [] : [{ accessToken: [] }],
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
      info: { title: "Everfold", description: "Accounts, workspaces and a provable credit ledger.", version: "1" },
      components: { securitySchemes: { accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withExamples(jsonSchemaTransformObject(document) as OpenAPIV3.Document, routes),
  });
};

const withExamples = (document: OpenAPIV3.Document, routes: readonly Route[]): OpenAPIV3.Document => {
  for (const { method, path, example, status, contentType } of routes) {
    const item: Readonly<Record<string, unknown>> = document.paths[path.replaceAll(/:(\w+)/g, "{$1}")] ?? {};
    const operation = item[method.toLowerCase()] as OpenAPIV3.OperationObject;
    const request = operation.requestBody as OpenAPIV3.RequestBodyObject | undefined;
    const answer = operation.responses[status] as OpenAPIV3.ResponseObject;
    Object.assign(request?.content["application/json"] ?? {}, { example: example.body });
    Object.assign(answer.content?.[contentType] ?? {}, { example: example.answer });
  }
  return document;
};
