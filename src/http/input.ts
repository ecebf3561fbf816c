import { z } from "zod";
import { invalid, unknownFields, validated } from "./errors.ts";
import { paramNames } from "./route.ts";

type Shape = Readonly<Record<string, z.ZodType>>;

/** How an operation's one input is spread over a request: some fields in the path, one made here, the rest the body. */
type InputLayout = { params: z.ZodObject; body: z.ZodObject | null };

export const layInput = (path: string, input: z.ZodObject, fresh: string | undefined): InputLayout => {
  const shape: Shape = input.shape;
  const named = new Set(paramNames(path));
  for (const name of [...named, ...(fresh ? [fresh] : [])])
    if (!(name in shape)) throw new Error(`${path}: the input has no field ${name}`);
  const pick = (wanted: (name: string) => boolean) =>
    z.strictObject(Object.fromEntries(Object.entries(shape).filter(([name]) => wanted(name))));
  const body = pick((name) => !named.has(name) && name !== fresh);
  return { params: pick((name) => named.has(name)), body: Object.keys(body.shape).length === 0 ? null : body };
};

/**
 * The input put together again and validated once, as a whole: rules over several fields hold wherever they came
 * from. The body can name none of the fields that are not its own.
 */
export const gatherInput = <I extends z.ZodObject>(
  input: I,
  layout: InputLayout,
  given: { params: unknown; body: unknown },
  fresh: Readonly<Record<string, string>>,
): z.output<I> => {
  const body = given.body ?? {};
  if (typeof body !== "object" || Array.isArray(body)) throw invalid([{ path: "", message: "Must be an object" }]);
  const unknown = Object.keys(body).filter((key) => !Object.hasOwn(layout.body?.shape ?? {}, key));
  if (unknown.length > 0) throw invalid(unknownFields(unknown));
  return validated(input, { ...body, ...Object(given.params), ...fresh });
};
