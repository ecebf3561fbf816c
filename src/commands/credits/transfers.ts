import { z } from "zod";
import { Credits, Description } from "../../domain/credits/amounts.ts";
import { beyond, Part } from "../../domain/credits/lots.ts";
import { workspace } from "../../domain/tenancy/workspace.ts";
import { derivedId } from "../../kernel/ids.ts";
import { isRejection, type Rejection, reject } from "../../kernel/rejection.ts";
import { type CommandContext, unconditional } from "../commandContext.ts";
import type { Handler } from "../handler.ts";
import { operation } from "../operation.ts";
import { CloseLedger } from "./closure.ts";
import { drawing } from "./funds.ts";
import { lotsMax } from "./grants.ts";
import { asked, InLedger, ledgerCommand, tooMuch } from "./ledgerCommand.ts";
import { TransactionWritten, transactionWritten } from "./transaction.ts";

/** So many can be under way from one ledger. */
const transfersMax = 1_000;
const permission = "credits:transfer";

const Transfer = InLedger.extend({ toWorkspaceId: z.uuid(), amount: Credits, description: Description });
const Sent = z.object({ transferId: z.uuid(), parts: z.array(Part) });

/** Owned credits alone can be sent: the credit limit is each workspace's own. */
export const SendTransfer = ledgerCommand({
  name: "SendTransfer",
  permission,
  input: Transfer.extend({ transferId: z.uuid() }),
  output: TransactionWritten.extend(Sent.shape),
  decide: ({ transferId, toWorkspaceId, amount, description }, ledger, facts) => {
    if (ledger.transfers.length >= transfersMax)
      return reject("conflict", "TOO_MANY_TRANSFERS", "Too many transfers are under way.", { max: transfersMax });
    // As if the limit was no higher than it has to be for what is drawn on it already.
    const creditLimit = Math.max(0, ledger.debt + ledger.heldOverdraft - ledger.free);
    const parts = drawing({ ...ledger, creditLimit }, amount, facts);
    if (isRejection(parts)) return parts;
    const data = { transferId, toWorkspaceId, amount, parts, description, referenceId: null };
    return [{ type: "TransferSent", data }];
  },
  answer: ({ events }) => {
    const sent = asked(events, "TransferSent");
    const { transferId, parts } = sent.data;
    return { transferId, parts, ...transactionWritten(events, sent, "transfer_out", -1) };
  },
});

const Outcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("received") }),
  z.object({ kind: z.literal("refused"), reason: z.string() }),
]);
type Outcome = z.output<typeof Outcome>;

/** Decided once for each transfer: what was refused is never received later. */
export const ReceiveTransfer = ledgerCommand({
  name: "ReceiveTransfer",
  permission,
  input: InLedger.extend({
    ...Sent.shape,
    fromWorkspaceId: z.uuid(),
    organizationId: z.uuid(),
    amount: Credits,
    description: Description,
  }),
  output: Outcome,
  windsUp: true,
  decide: ({ transferId, fromWorkspaceId, organizationId, amount, parts, description }, ledger) => {
    const isFull = ledger.lots.length + ledger.coming.length + parts.length > lotsMax;
    const reason =
      (ledger.isClosed ? "LEDGER_CLOSED" : undefined) ??
      (organizationId === ledger.organizationId ? undefined : "OTHER_ORGANIZATION") ??
      tooMuch(ledger, amount)?.code ??
      (isFull ? "TOO_MANY_LOTS" : undefined);
    if (reason !== undefined) return [{ type: "TransferRefused", data: { transferId, fromWorkspaceId, reason } }];
    const settled = Math.min(ledger.debt, amount);
    const received = beyond(parts, settled).map((part, index) => ({ ...part, lot: ledger.lotCount + 1 + index }));
    const data = { transferId, fromWorkspaceId, amount, parts: received, settled, description };
    return [{ type: "TransferReceived", data }];
  },
  answer: ({ events }): Outcome => {
    const event = asked(events, "TransferReceived", "TransferRefused");
    return event.type === "TransferReceived" ? { kind: "received" } : { kind: "refused", reason: event.data.reason };
  },
});

/** Writes nothing for a transfer that is not under way: it was completed already. */
export const CompleteTransfer = ledgerCommand({
  name: "CompleteTransfer",
  permission,
  input: InLedger.extend({ transferId: z.uuid(), outcome: Outcome }),
  output: z.null(),
  windsUp: true,
  decide: ({ transferId, outcome }, ledger) => {
    const sent = ledger.transfers.find((transfer) => transfer.transferId === transferId);
    if (!sent) return [];
    if (outcome.kind === "received") return [{ type: "TransferCompleted", data: { transferId } }];
    const parts = [...sent.parts];
    const amount = parts.reduce((sum, part) => sum + part.amount, 0);
    return [{ type: "TransferReturned", data: { transferId, amount, parts, settled: 0, reason: outcome.reason } }];
  },
  answer: () => null,
});

type SentTransfer = z.output<typeof Sent> & {
  workspaceId: string;
  organizationId: string;
  toWorkspaceId: string;
  amount: number;
  description: string;
};

/**
 * What follows once credits were sent, as often as it is asked for: the other ledger takes them or refuses them, and
 * this one notes it or has them back. Each step is a command of the transfer's own, so that it is taken once.
 */
export const carryOver = async (
  handler: Pick<Handler, "handle" | "stateOf">,
  sent: SentTransfer,
  context: CommandContext,
): Promise<(Outcome & { position: bigint }) | Rejection> => {
  const { workspaceId, toWorkspaceId, transferId, parts, organizationId, amount, description } = sent;
  const step = (name: string, on: string): CommandContext => ({
    ...unconditional(context),
    commandId: derivedId(transferId, name),
    workspaceId: on,
  });
  const { state: receiving } = await handler.stateOf(workspace, toWorkspaceId);
  if (receiving.status === "DELETED") {
    // Deleted meanwhile, and perhaps not closed yet: what came in now could never be spent.
    const closed = await handler.handle(CloseLedger, { workspaceId: toWorkspaceId }, step("close", toWorkspaceId));
    if (isRejection(closed)) return closed;
  }
  const received = await handler.handle(
    ReceiveTransfer,
    {
      transferId,
      parts,
      organizationId,
      amount,
      description,
      workspaceId: toWorkspaceId,
      fromWorkspaceId: workspaceId,
    },
    step("receive", toWorkspaceId),
  );
  if (isRejection(received)) return received;
  const outcome = received.answer;
  const completed = await handler.handle(
    CompleteTransfer,
    { workspaceId, transferId, outcome },
    step("complete", workspaceId),
  );
  return isRejection(completed) ? completed : { ...outcome, position: completed.position };
};

/** Whether the caller may also take credits into a workspace; what `accessControl` decides. */
type MayReceive = (
  context: CommandContext,
  workspaceId: string,
) => Promise<{ organizationId: string | null } | Rejection>;

const transferRefused = (details: { transferId: string; reason: string }): Rejection =>
  reject("conflict", "TRANSFER_REFUSED", "The other ledger cannot take these credits; they are back.", details);

/** Between two workspaces of one organization, both of which the caller has to own. */
export const transfer = ({ handler, mayReceive }: { handler: Handler; mayReceive: MayReceive }) =>
  operation({
    name: "TransferCredits",
    permission,
    input: Transfer,
    output: TransactionWritten.extend({ transferId: z.uuid() }),
    execute: async (input, context) => {
      const { workspaceId, toWorkspaceId, amount, description } = input;
      if (workspaceId === toWorkspaceId)
        return reject("unprocessable", "SAME_WORKSPACE", "Credits are transferred to another workspace.");
      const access = await mayReceive(context, toWorkspaceId);
      if (isRejection(access)) return access;
      const { organizationId } = access;
      if (organizationId === null || organizationId !== context.organizationId)
        return reject("unprocessable", "OTHER_ORGANIZATION", "Both workspaces have to be of one organization.");
      // A key names one command in each workspace, and all of them may send to the same one.
      const transferId = derivedId(context.commandId, workspaceId, "transfer");
      const asking = { ...context, preparedFrom: input };
      const sent = await handler.handle(SendTransfer, { ...input, transferId }, asking);
      if (isRejection(sent)) return sent;
      const { parts, ...answer } = sent.answer;
      const under = { workspaceId, organizationId, toWorkspaceId, transferId, parts, amount, description };
      const outcome = await carryOver(handler, under, context);
      if (isRejection(outcome)) return { position: sent.position, ...outcome };
      if (outcome.kind === "refused") {
        const { reason, position } = outcome;
        return { ...transferRefused({ transferId, reason }), position };
      }
      // Whoever has passed its end sees it on both sides.
      return { ...sent, answer, position: outcome.position };
    },
  });
