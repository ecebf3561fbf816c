import type { z } from "zod";

/** The prefix of this version's routes. A next version has its own, beside it (FND-15). */
export const API_PREFIX = "/api/v1";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What is known of a route: tests enumerate these, and OpenAPI is made of them. */
export type Route = {
  method: Method;
  /** As fastify writes it, prefix included. */
  path: string;
  /** The operation: the same word in code, OpenAPI and log. */
  name: string;
  permission: string;
  /** Under which heading it is documented; the path says it where this does not. */
  area?: string;
  status: number;
  contentType: string;
  params: z.ZodObject;
  query: z.ZodObject | null;
  headers: z.ZodObject | null;
  body: z.ZodObject | null;
  /** The whole answer, envelope included; for NDJSON one line of it. */
  answer: z.ZodType;
  example: Example & { answer: unknown };
};

/** One call as a reader of the documentation would make it; `data` is the resource, the row or the line it gives. */
export type Example<A = unknown> = {
  params?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, unknown>>;
  body?: Readonly<Record<string, unknown>>;
  data: A;
};

/** The path's parameters by name: a union of strings. */
export type PathParams<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | PathParams<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** A path whose every parameter is one of these fields. */
export type PathOver<Path extends string, Fields> = [PathParams<Path>] extends [keyof Fields] ? Path : never;

export const paramNames = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
