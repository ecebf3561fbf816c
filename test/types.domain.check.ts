/**
 * What the compiler must refuse of the domain as it is: every `@ts-expect-error` fails the type check when the line
 * below it is accepted. Nothing here runs.
 */
import { z } from "zod";
import { DebitCredits } from "../src/commands/credits/debits.ts";
import { AddCredits } from "../src/commands/credits/grants.ts";
import { RenameWorkspace } from "../src/commands/workspaces.ts";
import { creditLedger } from "../src/domain/credits/creditLedger.ts";
import { organization } from "../src/domain/tenancy/organization.ts";
import { workspace } from "../src/domain/tenancy/workspace.ts";
import { command } from "../src/kernel/decider.ts";
import { reject } from "../src/kernel/rejection.ts";
import { projection } from "../src/projections/projection.ts";
import { given } from "./spec.ts";

const ids = { workspaceId: "w", organizationId: "o" };
const lot = { lot: 1, priority: 50, effectiveAt: null, expiresAt: null, settled: 0 };
const after = { posted: 1, held: 0, available: 1 };
const granted = { ...ids, ...lot, amount: 1, description: "Top-up", referenceId: null, after };
const purchased = { type: "CreditsPurchased", data: granted } as const;
const renamed = { type: "WorkspaceRenamed", data: { ...ids, name: "Wonderland" } } as const;

// evolve forgets an event of its aggregate.
const { CreditsRecharged: _, ...withoutRecharges } = creditLedger.evolve;
// @ts-expect-error CreditsRecharged is forgotten
export const forgetful: typeof creditLedger = { ...creditLedger, evolve: withoutRecharges };

// A projection forgets an event of one of the aggregates it reads.
projection({
  name: "names",
  version: 1,
  tables: [],
  of: [organization, workspace],
  // @ts-expect-error OrganizationMemberAdded is forgotten
  when: {
    OrganizationCreated: () => [],
    WorkspaceCreated: () => [],
    WorkspaceRenamed: () => [],
    WorkspaceDeleted: () => [],
    MemberAdded: () => [],
    MemberInvited: () => [],
    MemberRemoved: () => [],
    MemberRoleChanged: () => [],
  },
});

// decide gives events of its own aggregate, with the data their schemas ask for, or a refusal.
const rename = {
  name: "RenameWorkspace",
  permission: "workspace:write",
  input: z.object({ workspaceId: z.uuid() }),
  output: z.null(),
  stream: ({ workspaceId }: { workspaceId: string }) => workspaceId,
  answer: () => null,
};
command(workspace, { ...rename, decide: () => [renamed] });
// @ts-expect-error the event of another aggregate
command(workspace, { ...rename, decide: () => [purchased] });
// @ts-expect-error an event without its data
command(workspace, { ...rename, decide: () => [{ type: "WorkspaceRenamed", data: ids }] });
// @ts-expect-error a refusal is no word
command(workspace, { ...rename, decide: () => "FORBIDDEN" });

// A refusal is of one of the kinds that have a status.
reject("conflict", "SLUG_TAKEN", "This slug is in use.");
// @ts-expect-error no such kind
reject("teapot", "SLUG_TAKEN", "This slug is in use.");

// A test says nothing that could not happen.
const ledger = given(creditLedger, purchased);
const input = { workspaceId: "w", amount: 1, description: "Enrichment" };
ledger.when(AddCredits, input).then(purchased);
// @ts-expect-error the event of another aggregate was not given
given(creditLedger, renamed);
// @ts-expect-error the command of another aggregate
ledger.when(RenameWorkspace, { workspaceId: "w", name: "Wonderland" });
// @ts-expect-error an input without its amount
ledger.when(DebitCredits, { workspaceId: "w", description: "Enrichment" });
// @ts-expect-error the event of another aggregate does not follow
ledger.when(DebitCredits, input).then(renamed);
// @ts-expect-error no such kind of refusal
ledger.when(DebitCredits, input).thenRefused("teapot", "INSUFFICIENT_CREDITS");
// @ts-expect-error an answer without its balance
ledger.when(DebitCredits, input).thenAnswers({ transaction: null });
