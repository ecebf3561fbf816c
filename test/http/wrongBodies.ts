import { z } from "zod";
import type { Route } from "../../src/http/route.ts";
import type { Attempt } from "./refusals.ts";

const FieldSchema = z.looseObject({
  type: z.enum(["string", "integer", "boolean", "array", "object"]),
  isNullable: z.boolean().default(false),
  maxLength: z.int().optional(),
  format: z.string().optional(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().default(0),
  exclusiveMinimum: z.number().optional(),
});
export type Field = z.output<typeof FieldSchema> & { route: Route; name: string; isRequired: boolean };

const Union = z.object({ anyOf: z.array(z.looseObject({ type: z.string() })) });

/** What may also be null is what it is besides; any other union here is one of objects. */
const fieldIn = (schema: unknown): z.output<typeof FieldSchema> => {
  const variants = Union.safeParse(schema).data?.anyOf.filter(({ type }) => type !== "null");
  if (variants?.length === 1) return FieldSchema.parse({ ...variants[0], isNullable: true });
  return FieldSchema.parse({ type: "object", ...Object(schema) });
};

export const withBody = (routes: readonly Route[]) => routes.filter(({ body }) => body !== null);
export const commandsAmong = (routes: readonly Route[]) => routes.filter(({ method }) => method !== "GET");
export const fieldsOf = (routes: readonly Route[], type?: string): Field[] =>
  withBody(routes).flatMap((route) => {
    const { properties = {}, required = [] } = z.toJSONSchema(route.body ?? z.object(), { io: "input" });
    return Object.entries(properties)
      .map(([name, field]) => ({ ...fieldIn(field), route, name, isRequired: required.includes(name) }))
      .filter((field) => type === undefined || field.type === type);
  });
/** The route's own example, with `json` in place of one field. */
export const bodyWith = ({ example }: Route, name: string, json: string): string =>
  JSON.stringify({ ...example.body, [name]: "@" }).replace(
    `${JSON.stringify(name)}:"@"`,
    () => `${JSON.stringify(name)}:${json}`,
  );
export const inField = ({ route, name }: Field, json: string): Attempt => ({
  route,
  wrong: `${name} is ${json.slice(0, 40)}`,
  body: bodyWith(route, name, json),
});
export const asBody =
  (body: string) =>
  (route: Route): Attempt => ({ route, wrong: `body ${body.slice(0, 40)}`, body });

export const invalid = "400 VALIDATION_ERROR";
export const malformed = "400 MALFORMED_JSON";
