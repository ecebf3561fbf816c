import { refund } from "../../src/commands/credits/refunds.ts";
import type { Accepted, CommandContext, Handler } from "../../src/commands/handler.ts";
import type { Command } from "../../src/kernel/decider.ts";
import { isRejection, type Rejection } from "../../src/kernel/rejection.ts";
import type { Asked, LedgerCommands, Told } from "./requests.ts";
import type { Knowledge } from "./workload.ts";

type Place = { workspaceId: string; organizationId: string };
export type Delivered = { told: Told; transaction: string | undefined };

/** Hands commands to the code under test. */
export const delivering = (handler: Handler, commands: LedgerCommands) => {
  const refunds = refund({ handler });

  const one = async (asked: Asked, place: Place): Promise<Delivered> => {
    const { request } = asked;
    const context = contextOf(asked, place);
    const { workspaceId } = place;
    if (request.command === "RefundTransaction")
      return delivered(await refunds.execute({ workspaceId, ...request.input }, context));
    const command = erased(commands[request.command]);
    return delivered(await handler.handle(command, { workspaceId, ...request.input }, context));
  };

  /** All of the same command, on one ledger. */
  const group = async (items: readonly Asked[], isAtomic: boolean, place: Place): Promise<Delivered[]> => {
    const [first] = items;
    if (!first || first.request.command === "RefundTransaction") throw new Error("this is no group of commands");
    const inputs = items.map((asked) => ({
      input: { workspaceId: place.workspaceId, ...asked.request.input },
      context: contextOf(asked, place),
    }));
    const outcomes = await handler.handleAll(erased(commands[first.request.command]), inputs, { atomic: isAtomic });
    return outcomes.map(delivered);
  };
  const all = async (items: readonly Asked[], isAtomic: boolean, place: Place): Promise<Delivered[]> => {
    const [first] = items;
    return items.length === 1 && first ? [await one(first, place)] : group(items, isAtomic, place);
  };
  return { all };
};

/** Command and input come from one union, which calling by the name of the one loses. */
const erased = (command: LedgerCommands[keyof LedgerCommands]): Command => command as unknown as Command;

const contextOf = (asked: Asked, { workspaceId, organizationId }: Place): CommandContext => {
  const { deliveryId, key, now, actor, expectedRevision, dryRun } = asked;
  return {
    ...{ commandId: key, requestId: deliveryId, causationId: deliveryId, now, actor, organizationId, workspaceId },
    ...{ sessionId: null, ip: null, userAgent: null },
    ...(expectedRevision === undefined ? {} : { expectedRevision: BigInt(expectedRevision) }),
    ...(dryRun ? { dryRun } : {}),
  };
};

const delivered = (outcome: Accepted<unknown> | Rejection): Delivered => {
  if (isRejection(outcome)) {
    const { rejected, code, details } = outcome;
    return { told: { kind: "refused", rejected, code, details }, transaction: undefined };
  }
  const { answer, replayed, revision } = outcome;
  const { transaction, rest } = withoutId(answer);
  return { told: { kind: "accepted", answer: rest, replayed, revision: Number(revision) }, transaction };
};

type Answer = { transaction?: { id: string } } | null;

const withoutId = (answer: unknown): { transaction: string | undefined; rest: unknown } => {
  // Whatever a ledger's command answers is null or an object.
  const { transaction, ...rest } = (answer as Answer) ?? {};
  if (!transaction) return { transaction: undefined, rest: answer };
  const { id, ...line } = transaction;
  return { transaction: id, rest: { transaction: line, ...rest } };
};

/** Callers learn from answers what they can ask for next. */
export const learn = (known: Knowledge, { told, transaction }: Delivered): void => {
  if (transaction !== undefined) known.transactions.push(transaction);
  if (told.kind === "accepted") known.revision = Math.max(known.revision, told.revision);
};
