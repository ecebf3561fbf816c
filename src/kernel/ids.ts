import { createHash } from "node:crypto";

/**
 * A UUID (version 8 of RFC 9562) that follows from its parts alone: users and workspaces get theirs from the command
 * that makes them, so that a retry makes no second one. Events differ with each delivery of it (decision 11).
 */
export const derivedId = (...parts: readonly (string | number)[]): string => {
  const hex = createHash("sha256").update(parts.join("/")).digest("hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  const [timeLow, timeMid] = [hex.slice(0, 8), hex.slice(8, 12)];
  return `${timeLow}-${timeMid}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};
