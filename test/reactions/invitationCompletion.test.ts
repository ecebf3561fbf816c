import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AcceptInvitation, freshToken, IssueInvitation, RevokeInvitation } from "../../src/commands/invitations.ts";
import { CreateOrganization } from "../../src/commands/organizations.ts";
import { ReserveSeat } from "../../src/commands/seats.ts";
import { InviteMember } from "../../src/commands/workspaceMembers.ts";
import { CreateWorkspace } from "../../src/commands/workspaces.ts";
import { isPresent, organization } from "../../src/domain/tenancy/organization.ts";
import { isThere, workspace } from "../../src/domain/tenancy/workspace.ts";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { invitationCompletion } from "../../src/reactions/invitationCompletion.ts";
import { runReactions } from "../../src/reactions/runner.ts";
import { contextOf } from "../commands/writeSide.ts";
import { log } from "../projections/jars.ts";
import { until } from "../projections/readSide.ts";
import { testDatabase } from "../support/database.ts";
import { rechargeSide } from "./rechargeSide.ts";

const backends = new AsyncDisposableStack();
let side: ReturnType<typeof rechargeSide>;
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-invitations-"));
  backends.defer(() => rm(directory, { recursive: true, force: true }));
  const [eventStore, database] = await Promise.all([startEventStore({ directory }), testDatabase()]);
  backends.defer(() => Promise.all([eventStore.stop(), database.drop()]).then(() => undefined));
  side = rechargeSide({ eventStore: eventStore.url, database: database.url }, backends);
});
afterAll(() => backends.disposeAsync());

const later = "2099-03-08T09:00:00.000Z";

/** As far as the process that invites has come when it issues the invitation. */
const invited = async () => {
  const { handle } = side.handler;
  const [organizationId, workspaceId, invitationId, emailClaimId] = [1, 2, 3, 4].map(() => randomUUID());
  if (!organizationId || !workspaceId || !invitationId || !emailClaimId) throw new Error("four ids");
  const nameClaim = { claimId: randomUUID(), claiming: randomUUID() };
  const named = { name: "Acme", nameClaim, slug: `acme-${organizationId}`, isPersonal: false, plan: "free" } as const;
  await handle(CreateOrganization, { organizationId, ...named, createdBy: randomUUID() }, contextOf());
  const made = { workspaceId, organizationId, name: "Growth", slug: `growth-${workspaceId}` };
  await handle(CreateWorkspace, { ...made, planType: "free", ownerId: randomUUID() }, contextOf());
  const offered = { invitationId, emailClaimId, workspaceId };
  await handle(ReserveSeat, { ...offered, organizationId, keptUntil: later }, contextOf());
  const [email, role] = ["grace@example.com", "member"] as const;
  await handle(InviteMember, { ...offered, email, role, membersMax: 5, keptUntil: later }, contextOf());
  const { tokenHash } = freshToken(invitationId);
  const issued = { ...offered, organizationId, email, role, tokenHash, expiresAt: later };
  await handle(IssueInvitation, issued, contextOf());
  return { organizationId, workspaceId, invitationId, tokenHash };
};

const reacting = () => {
  const reactions = [invitationCompletion({ handler: side.handler, now: () => new Date().toISOString() })];
  const runner = runReactions({ groups: side.store.groups, codec: side.codec, log, reactions, attemptsMax: 2 });
  return { status: runner.status, [Symbol.asyncDispose]: () => runner.stop() };
};

test("INV-03: who accepted becomes a member, though the process that was told so died over it", async () => {
  const { organizationId, workspaceId, invitationId, tokenHash } = await invited();
  const userId = randomUUID();
  await side.handler.handle(AcceptInvitation, { invitationId, tokenHash, userId }, contextOf());
  await using runner = reacting();
  await until(async () => {
    const { state } = await side.handler.stateOf(workspace, workspaceId);
    return isThere(state) && state.members.get(userId)?.role === "member" && state.invited.size === 0;
  });
  const { state } = await side.handler.stateOf(organization, organizationId);
  expect(isPresent(state) && [state.members.get(userId)?.role, state.seats.size]).toEqual(["viewer", 0]);
  expect(runner.status().parked).toBe(0);
});

test("INV-04: what a revoked invitation kept is given back, though the process that did it died over it", async () => {
  const { organizationId, workspaceId, invitationId } = await invited();
  await side.handler.handle(RevokeInvitation, { invitationId }, contextOf());
  await using runner = reacting();
  await until(async () => {
    const { state } = await side.handler.stateOf(organization, organizationId);
    return isPresent(state) && state.seats.size === 0;
  });
  const { state } = await side.handler.stateOf(workspace, workspaceId);
  expect(isThere(state) && state.invited.size).toBe(0);
  expect(runner.status().parked).toBe(0);
});
