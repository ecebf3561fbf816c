import { z } from "zod";

/** What a schema lets out of a value. */
type Take = (value: unknown) => unknown;

/**
 * JSON of what an answer's schema describes, and of no field more. Every value is checked for its kind, so that an
 * answer has the shape that is documented or is none; formats and bounds were checked when a value came in, and
 * checking them again took twice as long as writing the answer.
 *
 * Errors: `TypeError` for a value of another kind; zod's own where the schema has a kind that is not known here.
 */
export const answerJson = (schema: z.core.$ZodType): ((answer: unknown) => string) => {
  const take = taking(schema);
  return (answer) => JSON.stringify(take(answer));
};

const taking = (schema: z.core.$ZodType): Take => {
  if (schema instanceof z.ZodObject && schema.def.catchall === undefined) return takeFields(schema.shape);
  if (schema instanceof z.ZodArray) return takeItems(taking(schema.element));
  if (schema instanceof z.ZodNullable) return orNull(taking(schema.unwrap()));
  if (schema instanceof z.ZodOptional) return taking(schema.unwrap());
  if (schema instanceof z.ZodDiscriminatedUnion) return takeOption(schema.def);
  const { values, def }: { values?: ReadonlySet<unknown> | undefined; def: z.core.$ZodTypeDef } = schema._zod;
  if (values) return only((value) => values.has(value));
  return kinds[def.type] ?? ((value) => z.encode(schema, value));
};

const takeFields = (shape: Readonly<Record<string, z.core.$ZodType>>): Take => {
  const fields = Object.entries(shape).map(([name, schema]) => ({
    name,
    isOptional: schema instanceof z.ZodOptional,
    take: taking(schema),
  }));
  return (value) => {
    const given = fieldsOf(value);
    const taken: Record<string, unknown> = {};
    for (const { name, isOptional, take } of fields) {
      const field = given[name];
      if (field !== undefined || !isOptional) taken[name] = take(field);
    }
    return taken;
  };
};

const takeItems =
  (take: Take): Take =>
  (value) => {
    if (!Array.isArray(value)) throw new TypeError("an answer has no list where its schema has one");
    return value.map(take);
  };

const orNull =
  (take: Take): Take =>
  (value) =>
    value === null ? null : take(value);

const takeOption = ({ discriminator, options }: z.core.$ZodDiscriminatedUnionDef): Take => {
  const takes = new Map(
    options.flatMap((option) =>
      [...(option._zod.propValues?.[discriminator] ?? [])].map((value): [unknown, Take] => [value, taking(option)]),
    ),
  );
  return (value) => {
    const take = takes.get(fieldsOf(value)[discriminator]);
    if (take === undefined) throw new TypeError(`an answer's ${discriminator} is none that its schema has`);
    return take(value);
  };
};

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => {
  if (!isObject(value)) throw new TypeError("an answer has no fields where its schema has some");
  return value;
};

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;

const only =
  (isOne: (value: unknown) => boolean): Take =>
  (value) => {
    if (!isOne(value)) throw new TypeError("an answer has a value of another kind than its schema");
    return value;
  };

const kinds: Readonly<Record<string, Take>> = {
  string: only((value) => typeof value === "string"),
  number: only(Number.isFinite),
  boolean: only((value) => typeof value === "boolean"),
};
