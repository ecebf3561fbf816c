import type { z } from "zod";

/**
 * How a field of an event is protected: encrypted from the first write on under the key of its subject.
 * When that key is destroyed the field reads as `erased`, which the field's schema must permit.
 */
export type PersonalMark<T = unknown> = {
  /** The field of the same event that holds the subject's id. */
  subject: string;
  /** The field whose value scopes the key that wraps the subject's key; the subject itself when absent. */
  scope?: string;
  erased: T;
};

/** Marks a top-level field of an event as personal data or a secret of its subject; its JSON Schema says so too. */
export const personal = <S extends z.ZodType>(schema: S, mark: PersonalMark<z.output<S>>): S =>
  schema.meta({ personal: mark });

/** The marks of an event schema, by field name. */
export const personalFields = (schema: z.ZodObject): ReadonlyMap<string, PersonalMark> =>
  new Map(Object.entries(schema.shape).flatMap(([field, type]) => markOf(type).map((mark) => [field, mark] as const)));

/** A mark holds for what is wrapped around it later (`.optional()`, `.default()`), too: it must never be lost. */
const markOf = (type: unknown): PersonalMark[] => {
  const mark = (type as z.ZodType).meta()?.["personal"];
  if (mark) return [mark as PersonalMark];
  return typeof type === "object" && type !== null && "unwrap" in type && typeof type.unwrap === "function"
    ? markOf(type.unwrap())
    : [];
};
