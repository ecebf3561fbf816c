import type { CommandContext } from "../commands/commandContext.ts";
import type { Recorded } from "../kernel/decider.ts";
import type { Rejection } from "../kernel/rejection.ts";
import { Unavailable } from "../platform/unavailable.ts";

type Told = { commandId: string; workspaceId: string | null; organizationId: string; now: string };

/** The context of a command that an event led to. */
export const causedBy = (
  { id, metadata }: Pick<Recorded, "id" | "metadata">,
  { commandId, workspaceId, organizationId, now }: Told,
): CommandContext => ({
  commandId,
  causationId: id,
  requestId: metadata.$correlationId,
  now,
  organizationId,
  workspaceId,
  actor: { kind: "system", id: null },
  sessionId: null,
  ip: null,
  userAgent: null,
});

/** The refusal of a command nobody waits for. */
class Refused extends Error {
  override readonly name = "Refused";
}

/** What is too busy now will be less busy later; any other refusal stays one, and somebody has to look at it. */
export const refusedTo = (what: string, { rejected, code }: Rejection): Error =>
  rejected === "limited" || code === "CONTENTION"
    ? new Unavailable(`${what} yet: ${code}`)
    : new Refused(`${what}: ${code}`);
