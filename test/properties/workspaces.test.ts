import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Answer,
  type Client,
  client,
  expectStatus,
  newWorkspace,
  type SignedIn,
  signedIn,
} from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
/** The same installation through two processes. */
let apis: readonly [Client, Client];
let owner: SignedIn;
let others: readonly SignedIn[];
beforeAll(async () => {
  const { everfold } = await installation(stack);
  const [first, second] = [await everfold(plan), await everfold(plan)];
  apis = [client(first.url), client(second.url)];
  owner = await signedIn(apis[0]);
  others = await Promise.all(Array.from({ length: 3 }, () => signedIn(apis[0], { colleagueOf: owner })));
});
afterAll(() => stack.disposeAsync());

/** More workspaces than anybody has for nothing. */
const plan = { DEFAULT_PLAN: "enterprise" };
const runs = { numRuns: 100 };
const role = fc.constantFrom("viewer", "member", "admin", "owner");
const other = fc.nat({ max: 2 });
const person = (who: number): SignedIn => others[who] ?? owner;
const by = ({ accessToken: token }: SignedIn) => ({ token });

const addMember = (workspace: string, { email }: SignedIn, role: string, asked = owner) =>
  apis[0].post(`/workspaces/${workspace}/members`, { email, role }, by(asked));
const removeMember = (workspace: string, { id }: SignedIn, asked = owner, api = apis[0]) =>
  api.delete(`/workspaces/${workspace}/members/${id}`, by(asked));
const changeRole = (workspace: string, { id }: SignedIn, role: string, asked = owner, api = apis[0]) =>
  api.put(`/workspaces/${workspace}/members/${id}/role`, { role }, by(asked));

/** How an owner stops being one. */
const loss = fc.constantFrom("remove", "viewer", "member", "admin");
const lose = (workspace: string, who: SignedIn, change: string, asked = owner, api = apis[0]) =>
  change === "remove" ? removeMember(workspace, who, asked, api) : changeRole(workspace, who, change, asked, api);

/** Everybody's role in the workspace; what was written by another process must be `after` something. */
const rolesIn = async (workspace: string, after?: Answer): Promise<Map<string, string>> => {
  const options = after ? { ...by(owner), headers: positionOf(after) } : by(owner);
  const seen = await apis[0].get(`/workspaces/${workspace}/members?limit=100`, options);
  const members: readonly { userId: string; role: string }[] = expectStatus(200, seen);
  expect(seen.body.meta).toEqual({ page: 1, limit: 100, total: members.length });
  return new Map(members.map(({ userId, role }) => [userId, role]));
};
const positionOf = ({ headers }: Answer) => ({ "x-event-position": headers.get("x-event-position") ?? "" });

/** Some of the others, with a role each. */
const memberships = fc.uniqueArray(fc.record({ who: other, role }), { selector: ({ who }) => who, minLength: 1 });
type Memberships = readonly { who: number; role: string }[];
const withOwner = (members: Memberships): Map<string, string> =>
  new Map([[owner.id, "owner"], ...members.map(({ who, role }): [string, string] => [person(who).id, role])]);
const workspaceWith = async (members: Memberships): Promise<string> => {
  const workspace = await newWorkspace(apis[0], owner);
  for (const { who, role } of members) expectStatus(201, await addMember(workspace, person(who), role));
  return workspace;
};

// Every run has a workspace of its own, and reads it: while one property waits for the read models, the others go on.
describe.concurrent("members", { timeout: 300_000 }, () => {
  test("P8 WS-01: whoever creates a workspace is its owner and only member, and its balance is zero", async () => {
    const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 25 }).filter((text) => text.length <= 100);
    await fc.assert(
      fc.asyncProperty(name, async (given) => {
        const created = expectStatus(201, await apis[0].post("/workspaces", { name: given }, by(owner)));
        expect(created).toMatchObject({ name: given, role: "owner", organizationId: owner.organizationId });
        const [members, seen, billing] = await Promise.all([
          rolesIn(created.id),
          apis[0].get(`/workspaces/${created.id}`, by(owner)),
          apis[0].get(`/workspaces/${created.id}/billing`, by(owner)),
        ]);
        expect(members).toEqual(withOwner([]));
        expect(expectStatus(200, seen)).toEqual(created);
        expect(expectStatus(200, billing)).toMatchObject({ workspaceId: created.id, creditBalance: 0 });
      }),
      runs,
    );
  });

  test("P10 WS-05 WS-15: who is added is a member with exactly the role given", () =>
    fc.assert(
      fc.asyncProperty(memberships, async (members) => {
        const workspace = await newWorkspace(apis[0], owner);
        for (const { who, role } of members) {
          const added = expectStatus(201, await addMember(workspace, person(who), role));
          expect(added).toMatchObject({ userId: person(who).id, workspaceId: workspace, role });
          expect(added.acceptedAt).toBe(added.invitedAt);
        }
        expect(await rolesIn(workspace)).toEqual(withOwner(members));
      }),
      runs,
    ));

  test("P11 WS-06: who is removed is a member no more, and everybody else still is", () =>
    fc.assert(
      fc.asyncProperty(memberships, fc.array(other, { maxLength: 4 }), async (members, leaving) => {
        const workspace = await workspaceWith(members);
        const here = new Map(members.map(({ who, role }) => [who, role]));
        for (const who of leaving)
          expect((await removeMember(workspace, person(who))).status).toBe(here.delete(who) ? 200 : 404);
        const staying = [...here].map(([who, role]) => ({ who, role }));
        expect(await rolesIn(workspace)).toEqual(withOwner(staying));
      }),
      runs,
    ));

  test("P12 WS-07: who is given another role has that role", () =>
    fc.assert(
      fc.asyncProperty(memberships, fc.array(role, { minLength: 3, maxLength: 3 }), async (members, wanted) => {
        const workspace = await workspaceWith(members);
        const changed = members.map(({ who }) => ({ who, role: wanted[who] ?? "viewer" }));
        for (const { who, role } of changed)
          expect(expectStatus(200, await changeRole(workspace, person(who), role))).toMatchObject({ role });
        expect(await rolesIn(workspace)).toEqual(withOwner(changed));
      }),
      runs,
    ));

  test("P13 WS-08: the only owner can neither be removed nor be given a lesser role", () =>
    fc.assert(
      fc.asyncProperty(memberships, loss, async (members, change) => {
        const lesser = members.map(({ who, role }) => ({ who, role: role === "owner" ? "admin" : role }));
        const workspace = await workspaceWith(lesser);
        const { status, body } = await lose(workspace, owner, change);
        expect([status, body.error.code]).toEqual([409, "LAST_OWNER"]);
        const purchase = { amount: 1, description: "Only an owner may" };
        expectStatus(201, await apis[0].post(`/workspaces/${workspace}/billing/credits`, purchase, by(owner)));
      }),
      runs,
    ));

  test("P13 WS-08: of owners who all lose ownership at the same time, through two processes, one keeps it", () => {
    const losing = fc.record({ change: loss, isOwnWish: fc.boolean(), process: fc.constantFrom<0 | 1>(0, 1) });
    return fc.assert(
      fc.asyncProperty(fc.array(losing, { minLength: 2, maxLength: 4 }), async (losses) => {
        const workspace = await workspaceWith(losses.slice(1).map((_, who) => ({ who, role: "owner" })));
        const owners = losses.map((asked, index) => ({ ...asked, who: [owner, ...others][index] ?? owner }));
        const next = (index: number) => owners[(index + 1) % owners.length]?.who;
        const answers = await Promise.all(
          owners.map(({ who, change, isOwnWish, process }, index) =>
            lose(workspace, who, change, isOwnWish ? who : next(index), apis[process]),
          ),
        );
        const lost = answers.filter(({ status }) => status === 200);
        const refusals = answers.flatMap(({ status, body }) => (status === 200 ? [] : [body.error.code]));
        expect(lost).not.toEqual([]);
        expect(refusals).not.toEqual([]);
        // Who was dropped before their own request came may no longer drop another.
        expect(["LAST_OWNER", "OWNER_REQUIRED", "FORBIDDEN"]).toEqual(expect.arrayContaining(refusals));
        if (losses.every(({ isOwnWish }) => isOwnWish)) expect(refusals).toEqual(["LAST_OWNER"]);

        const [last] = lost.toSorted((one, other) => other.body.meta.position - one.body.meta.position);
        const roles = await rolesIn(workspace, last);
        const remaining = [...roles].flatMap(([id, role]) => (role === "owner" ? [id] : []));
        const kept = owners.flatMap(({ who }, index) => (answers[index]?.status === 200 ? [] : [who.id]));
        expect(remaining.toSorted()).toEqual(kept.toSorted());
      }),
      runs,
    );
  });
});
