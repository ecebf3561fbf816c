import type { Told } from "./requests.ts";

export type Refused = Extract<Told, { kind: "refused" }>;

export const refuse = (rejected: string, code: string, details: unknown = {}): Refused => ({
  kind: "refused",
  rejected,
  code,
  details,
});
