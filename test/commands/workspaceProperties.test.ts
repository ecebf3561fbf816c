import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AddMember, ChangeMemberRole, RemoveMember } from "../../src/commands/workspaceMembers.ts";
import { WorkspaceRole } from "../../src/domain/tenancy/roles.ts";
import { type Workspace, workspace } from "../../src/domain/tenancy/workspace.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { as, facts, id } from "../spec.ts";

const workspaceId = id("wonderland");

/** Ada's. */
const created: EventOf<typeof workspace.events> = {
  type: "WorkspaceCreated",
  data: {
    workspaceId,
    organizationId: id("acme"),
    name: "Wonderland",
    slug: "wonderland",
    planType: "free",
    ownerId: id("ada"),
    createdAt: facts.now,
  },
};

const people = ["ada", "bob", "eve", "zoe"] as const;
const person = fc.constantFrom(...people);
const role = fc.constantFrom(...WorkspaceRole.options);
const request = fc.record({ asks: fc.constantFrom("add", "remove", "change"), actor: person, whom: person, role });
type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

const decide = (state: Workspace, { asks, actor, whom, role: wanted }: Request) => {
  const told = { ...facts, ...as(actor) };
  const member = { workspaceId, userId: id(whom) };
  const withRole = { ...member, role: wanted };
  if (asks === "add") return AddMember.decide({ ...withRole, membersMax: 100 }, state, told);
  if (asks === "remove") return RemoveMember.decide(member, state, told);
  return ChangeMemberRole.decide(withRole, state, told);
};

const owners = (state: Workspace): string[] =>
  state.status === "ACTIVE"
    ? [...state.members].filter(([, { role: held }]) => held === "owner").map(([user]) => user)
    : [];

describe("whoever asks for what, in whatever order", () => {
  const holds = (property: (before: Workspace, after: Workspace, asked: Request) => void) =>
    fc.assert(
      fc.property(fc.array(request, { maxLength: 40 }), (requests) => {
        let state = fold(workspace, [created]);
        for (const asked of requests) {
          const decision = decide(state, asked);
          const after = isRejection(decision) ? state : fold(workspace, decision, state);
          property(state, after, asked);
          state = after;
        }
      }),
      { numRuns: 300 },
    );

  test("WS-08: an active workspace always has an owner", () =>
    holds((_, after) => expect(owners(after).length).toBeGreaterThan(0)));

  test("WS-07: only owners give or take ownership", () =>
    holds((before, after, { actor }) => {
      if (!owners(before).includes(id(actor))) expect(owners(after)).toEqual(owners(before));
    }));
});
