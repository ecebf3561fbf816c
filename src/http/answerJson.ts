import { z } from "zod";

type Fits = (value: unknown) => boolean;

/**
 * JSON of what an answer's schema describes, and of no field more. An answer that is found to have these fields and no
 * others, each of its kind, is written as it is: formats and bounds were checked when a value came in, and to check
 * them again costs twice as much as to write the answer. With any other it is as the schema says.
 *
 * Errors: zod's, for an answer that the schema does not permit.
 */
export const answerJson = (schema: z.core.$ZodType): ((answer: unknown) => string) => {
  const fits = fitting(schema);
  return (answer) => JSON.stringify(fits(answer) ? answer : z.encode(schema, answer));
};

/** What is not known here fits nothing. */
const fitting = (schema: z.core.$ZodType): Fits => {
  if (schema instanceof z.ZodObject) return fittingFields(schema.shape);
  if (schema instanceof z.ZodArray) return fittingItems(fitting(schema.element));
  if (schema instanceof z.ZodRecord) return fittingEntries(fitting(schema.valueType));
  if (schema instanceof z.ZodNullable) return orNull(fitting(schema.unwrap()));
  if (schema instanceof z.ZodOptional) return fitting(schema.unwrap());
  if (schema instanceof z.ZodDiscriminatedUnion) return fittingOption(schema.def);
  const { values, def }: { values?: ReadonlySet<unknown> | undefined; def: z.core.$ZodTypeDef } = schema._zod;
  return values ? (value) => values.has(value) : (kinds[def.type] ?? (() => false));
};

const kinds: Readonly<Record<string, Fits>> = {
  string: (value) => typeof value === "string",
  number: Number.isFinite,
  boolean: (value) => typeof value === "boolean",
  unknown: () => true,
};

const fittingFields = (shape: Readonly<Record<string, z.core.$ZodType>>): Fits => {
  const fields = Object.entries(shape).map(([name, schema]) => ({
    name,
    isOptional: schema instanceof z.ZodOptional,
    fits: fitting(schema),
  }));
  return (value) => {
    if (!isObject(value)) return false;
    let known = 0;
    for (const { name, isOptional, fits } of fields) {
      const field = value[name];
      if (field === undefined && isOptional) continue;
      if (!fits(field)) return false;
      known += 1;
    }
    return Object.keys(value).length === known;
  };
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const fittingEntries =
  (fits: Fits): Fits =>
  (value) =>
    isObject(value) && Object.values(value).every(fits);

const fittingItems =
  (fits: Fits): Fits =>
  (value) =>
    Array.isArray(value) && value.every(fits);

const orNull =
  (fits: Fits): Fits =>
  (value) =>
    value === null || fits(value);

const fittingOption = ({ discriminator, options }: z.core.$ZodDiscriminatedUnionDef): Fits => {
  const byName = new Map(
    options.flatMap((option) =>
      [...(option._zod.propValues?.[discriminator] ?? [])].map((value): [unknown, Fits] => [value, fitting(option)]),
    ),
  );
  return (value) => isObject(value) && (byName.get(value[discriminator])?.(value) ?? false);
};
