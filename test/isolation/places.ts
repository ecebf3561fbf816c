import { z } from "zod";
import { paramNames, type Route } from "../../src/http/route.ts";
import { fixtures, secrets } from "./fixtures.ts";

const Shape = z.looseObject({
  format: z.string().optional(),
  required: z.array(z.string()).default([]),
  properties: z.record(z.string(), z.unknown()).default({}),
  anyOf: z.array(z.unknown()).default([]),
  oneOf: z.array(z.unknown()).default([]),
});

/** Where a schema takes an id: `toWorkspaceId`, `scope.id`. */
const idsIn = (schema: unknown, at = ""): string[] => {
  const { format, properties, anyOf, oneOf } = Shape.parse(schema);
  const here = format === "uuid" ? [at] : [];
  const below = Object.entries(properties).flatMap(([name, field]) => idsIn(field, at === "" ? name : `${at}.${name}`));
  return [...new Set([...here, ...below, ...[...anyOf, ...oneOf].flatMap((variant) => idsIn(variant, at))])];
};

const idsOf = (schema: z.ZodObject | null): string[] =>
  schema === null ? [] : idsIn(z.toJSONSchema(schema, { io: "input" }));

export const idsInBody = ({ body }: Pick<Route, "body">): string[] => idsOf(body);
export const idsInQuery = ({ query }: Pick<Route, "query">): string[] => idsOf(query);

/** What the suite could not try, each as a sentence that says what to do about it. */
export const untried = (routes: readonly Pick<Route, "method" | "path" | "body" | "query">[]): string[] =>
  routes.flatMap((route) => {
    const unknown = [...paramNames(route.path), ...idsInBody(route), ...idsInQuery(route)].filter(
      (name) => !Object.hasOwn(fixtures, name) && !secrets.has(name),
    );
    return unknown.map(
      (name) =>
        `${route.method} ${route.path} names ${name}: add to the fixtures of test/isolation/fixtures.ts how a tenant ` +
        `comes by one (or to its secrets, if whoever has the value may use it)`,
    );
  });

/** The example's body or query with one of its ids in place of another; `at` as in `scope.id`. */
export const withId = (example: object, at: string, id: string): Readonly<Record<string, unknown>> => {
  const [name = "", ...rest] = at.split(".");
  const given = new Map(Object.entries(example));
  given.set(name, rest.length === 0 ? id : withId(Object(given.get(name)), rest.join("."), id));
  return Object.fromEntries(given);
};

/** The query that a read needs: what it must be told, as in its example, and the ids it may be told. */
export const queryWith = ({ query, example }: Route, ids: Readonly<Record<string, string>>): string => {
  const { required } = Shape.parse(query === null ? {} : z.toJSONSchema(query, { io: "input" }));
  const told = new URLSearchParams();
  for (const name of required) told.set(name, String(example.query?.[name]));
  for (const name of idsOf(query)) told.set(name, ids[name] ?? name);
  return `?${told}`;
};

/** With ids of the path: every one of `ids` that it names. */
export const pathWith = (path: string, ids: Readonly<Record<string, string>>): string =>
  path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const id = ids[name];
    if (id === undefined) throw new Error(`no id for ${name} in ${path}`);
    return id;
  });

/** Every choice of some of them, but for that of none. */
export const someOf = <T>([first, ...rest]: readonly T[]): T[][] =>
  first === undefined ? [] : [[first], ...someOf(rest).flatMap((chosen) => [chosen, [first, ...chosen]])];
