import { CloseLedger } from "../commands/credits/closure.ts";
import { ReleaseHold } from "../commands/credits/holds.ts";
import type { CommandContext, Handler } from "../commands/handler.ts";
import { creditLedger } from "../domain/credits/creditLedger.ts";
import { workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

type Closing = { handler: Pick<Handler, "handle" | "stateOf">; now: () => string };

/** As many as wait in a ledger's queue together, so that they are written together. */
const releasesAtOnce = 100;

/** Nothing is charged for a workspace that is deleted, its credits go nowhere, and nothing of them stays reserved. */
export const ledgerClosure = ({ handler, now }: Closing): Reaction =>
  reaction({
    name: "ledger_closure",
    of: [workspace],
    when: {
      WorkspaceDeleted: async ({ workspaceId, organizationId }, occurrence) => {
        const step = (...name: readonly [string, ...string[]]) => {
          const commandId = derivedId(occurrence.id, ...name);
          return causedBy(occurrence, { commandId, workspaceId, organizationId, now: now() });
        };
        const outcome = await handler.handle(CloseLedger, { workspaceId }, step("close"));
        if (isRejection(outcome)) throw refusedTo("the ledger of a deleted workspace cannot be closed", outcome);
        await releaseHolds(handler, workspaceId, (holdId) => step("release", holdId));
      },
    },
  });

/** No hold is placed any more, and none can be reached over HTTP: what is still open would stay so until its time. */
const releaseHolds = async (
  handler: Closing["handler"],
  workspaceId: string,
  contextOf: (holdId: string) => CommandContext,
): Promise<void> => {
  const { state } = await handler.stateOf(creditLedger, workspaceId);
  if (state.status !== "open") return;
  const release = async ({ holdId }: { holdId: string }): Promise<void> => {
    const outcome = await handler.handle(ReleaseHold, { workspaceId, holdId }, contextOf(holdId));
    // It was captured, or its time was over, in the meantime.
    if (isRejection(outcome) && outcome.code !== "HOLD_NOT_OPEN")
      throw refusedTo("a hold in a deleted workspace cannot be released", outcome);
  };
  for (let from = 0; from < state.holds.length; from += releasesAtOnce)
    await Promise.all(state.holds.slice(from, from + releasesAtOnce).map(release));
};
