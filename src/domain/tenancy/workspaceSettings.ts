import { z } from "zod";
import { text } from "../../kernel/text.ts";

const isTimeZone = (name: string): boolean => {
  try {
    return Intl.DateTimeFormat(undefined, { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
};

/** WS-09: null is what nobody has said. The time zone is one of IANA's, the language a tag of BCP 47. */
export const WorkspaceSettings = z.object({
  description: text(500).nullable(),
  timeZone: text(64).refine(isTimeZone, "must be a time zone such as Europe/Berlin").nullable(),
  language: z
    .string()
    .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/)
    .max(35)
    .nullable(),
});
export type WorkspaceSettings = z.output<typeof WorkspaceSettings>;
