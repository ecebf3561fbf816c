import type { EventDef } from "../../kernel/decider.ts";
import { personalFields } from "../../kernel/personal.ts";

/** What stands in the audit log for what nobody may read there. */
const redacted = "[redacted]";

/** Hashes of tokens are no personal data and have no mark; a field that is called like a secret is one. */
const isSecret = (field: string): boolean => /(secret|password|token|hash)$/i.test(field);

type Data = Readonly<Record<string, unknown>>;

/** AUD-01: the data of an event without personal data, which its marks tell, and without secrets, however deep. */
export const redaction = ({ schema }: EventDef): ((data: Data) => Data) => {
  const marks = personalFields(schema);
  return (data) =>
    Object.fromEntries(
      Object.entries(data).map(([field, value]) => [field, marks.has(field) ? redacted : within(field, value)]),
    );
};

const within = (field: string, value: unknown): unknown => {
  if (value === null || value === undefined) return value;
  if (isSecret(field)) return redacted;
  if (Array.isArray(value)) return value.map((item) => within("", item));
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, within(name, inner)]));
};
