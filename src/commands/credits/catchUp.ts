import { randomUUID } from "node:crypto";
import { z } from "zod";
import { isRejection, type Rejection } from "../../kernel/rejection.ts";
import type { Accepted, CommandContext, Handler, Running } from "../handler.ts";
import { InLedger, isCatchingUp, ledgerCommand } from "./ledgerCommand.ts";

/** What time has done to a ledger nobody writes to: all of it, when this has been asked until nothing is written. */
export const AdvanceLedger = ledgerCommand({
  name: "AdvanceLedger",
  permission: "credits:admin",
  input: InLedger,
  output: z.object({ written: z.int() }),
  catchesUp: true,
  windsUp: true,
  decide: () => [],
  answer: ({ events }) => ({ written: events.length }),
});

type Cause = Pick<CommandContext, "now" | "requestId" | "causationId">;

/** Has as much written of what is due in a ledger as there may be in one append; nobody asked for it. */
export const nextPortion = (
  handler: Pick<Handler, "handle">,
  workspaceId: string,
  cause: Cause,
): Promise<Accepted<{ written: number }> | Rejection> => {
  const context: CommandContext = {
    ...cause,
    commandId: randomUUID(),
    organizationId: null,
    workspaceId,
    actor: { kind: "system", id: null },
    sessionId: null,
    ip: null,
    userAgent: null,
  };
  return handler.handle(AdvanceLedger, { workspaceId }, context);
};

const catchUp = async (handler: Handler, workspaceId: string, context: CommandContext): Promise<void> => {
  const { now, requestId, commandId: causationId } = context;
  for (;;) {
    const portion = await nextPortion(handler, workspaceId, { now, requestId, causationId });
    if (isRejection(portion) || portion.answer.written === 0) return;
  }
};

/**
 * A handler that has a ledger caught up for whoever meets it behind, and then asks again for what was refused: nobody
 * has to wait for the timer. Only dry runs are refused, which may have nothing written.
 */
export const catchingUp = (handler: Running): Running => ({
  ...handler,
  async handle(command, input, context) {
    const outcome = await handler.handle(command, input, context);
    if (context.dryRun || !isCatchingUp(outcome)) return outcome;
    await catchUp(handler, command.stream(input), context);
    return handler.handle(command, input, context);
  },
  async handleAll(command, items, how) {
    const outcomes = await handler.handleAll(command, items, how);
    const first = items.find((_, at) => isCatchingUp(outcomes[at]));
    if (!first || items.some(({ context }) => context.dryRun)) return outcomes;
    await catchUp(handler, command.stream(first.input), first.context);
    const isAgain = (at: number): boolean => how.atomic || isCatchingUp(outcomes[at]);
    const again = await handler.handleAll(
      command,
      items.filter((_, at) => isAgain(at)),
      how,
    );
    return outcomes.map((outcome, at) => (isAgain(at) ? (again.shift() ?? outcome) : outcome));
  },
});
