import { randomUUID } from "node:crypto";
import type { Metadata } from "../../src/kernel/decider.ts";

/** Of an event that nobody in particular wrote just now, as a test needs it that looks at something else. */
export const systemMetadata = (over: Partial<Metadata> = {}): Metadata => ({
  $correlationId: randomUUID(),
  $causationId: randomUUID(),
  commandId: randomUUID(),
  inputHash: "",
  actor: { kind: "system", id: null },
  orgId: null,
  workspaceId: null,
  sessionId: null,
  ip: null,
  userAgent: null,
  schemaVersion: 1,
  occurredAt: new Date().toISOString(),
  ...over,
});
