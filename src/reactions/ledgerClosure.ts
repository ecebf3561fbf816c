import { CloseLedger } from "../commands/credits/closure.ts";
import type { Handler } from "../commands/handler.ts";
import { workspace } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { causedBy, refusedTo } from "./causedBy.ts";
import { type Reaction, reaction } from "./reaction.ts";

/** Nothing is charged for a workspace that is deleted, and its credits go nowhere. */
export const ledgerClosure = ({ handler, now }: { handler: Pick<Handler, "handle">; now: () => string }): Reaction =>
  reaction({
    name: "ledger_closure",
    of: [workspace],
    when: {
      WorkspaceDeleted: async ({ workspaceId, organizationId }, occurrence) => {
        const commandId = derivedId(occurrence.id, "close");
        const context = causedBy(occurrence, { commandId, workspaceId, organizationId, now: now() });
        const outcome = await handler.handle(CloseLedger, { workspaceId }, context);
        if (isRejection(outcome)) throw refusedTo("the ledger of a deleted workspace cannot be closed", outcome);
      },
    },
  });
