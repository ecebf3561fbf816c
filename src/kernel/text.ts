import { z } from "zod";

/** Text a person typed: 1 to `max` characters, no NUL (Postgres has none) and no half of a surrogate pair. */
export const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine(
      (value) => value.isWellFormed() && !value.includes("\0"),
      "must be well-formed text without NUL characters",
    );
