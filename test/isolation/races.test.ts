import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { organization } from "../../src/domain/tenancy/organization.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import type { Everfold } from "../../src/main.ts";
import {
  type Answer,
  type Client,
  client,
  expectStatus,
  type SignedIn,
  signedIn,
  switchedTo,
} from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
/** Two processes on the same events. */
let everfolds: readonly (Everfold & { url: string })[];
let [here, there]: readonly Client[] = [];
let ada: SignedIn;
let grace: SignedIn;
beforeAll(async () => {
  const { everfold } = await installation(stack);
  everfolds = [
    await everfold({ ROLES: "api,projections", DEFAULT_PLAN: "enterprise" }),
    await everfold({ ROLES: "api", DEFAULT_PLAN: "enterprise" }),
  ];
  [here, there] = everfolds.map(({ url }) => client(url));
  [ada, grace] = [await signedIn(on(here)), await signedIn(on(here))];
});
afterAll(() => stack.disposeAsync());

const on = (api: Client | undefined): Client => {
  if (api === undefined) throw new Error("the processes are started before the tests");
  return api;
};

/** Two people who are both admins of a new organization and owners of its one workspace, each acting there. */
const equals = async () => {
  const api = on(here);
  const founded = await api.post("/organizations", { name: `Acme ${randomUUID()}` }, { token: ada.accessToken });
  const { id: organizationId } = expectStatus(201, founded);
  const first = await switchedTo(api, ada, organizationId);
  const by = { token: first.accessToken };
  const admin = { email: grace.email, role: "admin" };
  expectStatus(201, await api.post(`/organizations/${organizationId}/members`, admin, by));
  const second = await switchedTo(api, grace, organizationId);
  const { id: workspaceId } = expectStatus(201, await api.post("/workspaces", { name: "Growth" }, by));
  const owner = { email: grace.email, role: "owner" };
  expectStatus(201, await api.post(`/workspaces/${workspaceId}/members`, owner, by));
  return { organizationId, workspaceId, first, second };
};

type Deed = { on: "me" | "other"; how: "remove" | "demote" | "deactivate" };
const deed = fc.record<Deed>({
  on: fc.constantFrom("me", "other"),
  how: fc.constantFrom("remove", "demote", "deactivate"),
});

const doTo = (api: Client, place: string, { how }: Deed, who: string, token: string): Promise<Answer> => {
  const member = `${place}/members/${who}`;
  if (how === "remove") return api.delete(member, { token });
  // A workspace has nobody deactivated: its owner becomes a viewer there.
  if (how === "demote" || place.startsWith("/workspaces"))
    return api.put(`${member}/role`, { role: "viewer" }, { token });
  return api.put(`${member}/status`, { status: "deactivated" }, { token });
};

/** Each does their deed on a process of their own. */
const atOnce = async (place: string, people: { first: SignedIn; second: SignedIn }, deeds: readonly [Deed, Deed]) => {
  const { first, second } = people;
  const [one, another] = deeds;
  const answers = await Promise.all([
    doTo(on(here), place, one, one.on === "me" ? first.id : second.id, first.accessToken),
    doTo(on(there), place, another, another.on === "me" ? second.id : first.id, second.accessToken),
  ]);
  for (const { status } of answers) expect([200, 403, 404, 409]).toContain(status);
};

const agreedWithinMs = 30_000;

/** As every process knows it, once they know the same. */
const agreed = async (leaders: (everfold: Everfold) => Promise<string[]>): Promise<string[]> => {
  let known: string[][] = [];
  await expect
    .poll(
      async () => {
        known = await Promise.all(everfolds.map(leaders));
        return new Set(known.map(String)).size;
      },
      { timeout: agreedWithinMs },
    )
    .toBe(1);
  return known[0] ?? [];
};

test("ORG-07: two admins who act on each other or themselves at once, each on a process, leave one admin", async () => {
  await fc.assert(
    fc.asyncProperty(deed, deed, async (one, another) => {
      const { organizationId, ...people } = await equals();
      await atOnce(`/organizations/${organizationId}`, people, [one, another]);
      const admins = await agreed(async ({ handler }) => {
        const { state } = await handler.stateOf(organization, organizationId);
        if (!("members" in state)) return [];
        return [...state.members].flatMap(([id, { role, status }]) =>
          role === "admin" && status === "active" ? id : [],
        );
      });
      expect(admins.length).toBeGreaterThanOrEqual(1);
    }),
    { numRuns: 100 },
  );
});

test("WS-08: two owners who act on each other or themselves at once, each on a process, leave one owner", async () => {
  await fc.assert(
    fc.asyncProperty(deed, deed, async (one, another) => {
      const { workspaceId, ...people } = await equals();
      await atOnce(`/workspaces/${workspaceId}`, people, [one, another]);
      const owners = await agreed(async ({ handler }) => {
        const { state } = await handler.stateOf(workspace, workspaceId);
        if (!("members" in state)) return [];
        return [...state.members].flatMap(([id, { role }]) => (role === "owner" ? id : []));
      });
      expect(owners.length).toBeGreaterThanOrEqual(1);
    }),
    { numRuns: 100 },
  );
});

const timesMeasured = 20;

test("RBAC-09: what is taken from somebody on one process they can soon do no more on another", async () => {
  const { organizationId, second, first } = await equals();
  const role = `/organizations/${organizationId}/members/${second.id}/role`;
  const settings = `/organizations/${organizationId}/settings`;
  const statusThere = async () => (await on(there).get(settings, { token: second.accessToken })).status;
  const delaysMs: number[] = [];
  for (let time = 0; time < timesMeasured; time += 1)
    for (const [next, status] of [
      ["member", 403],
      ["admin", 200],
    ] as const) {
      expectStatus(200, await on(here).put(role, { role: next }, { token: first.accessToken }));
      const changedAt = performance.now();
      while ((await statusThere()) !== status);
      delaysMs.push(performance.now() - changedAt);
    }
  const [middle, most] = [delaysMs.toSorted((a, b) => a - b)[timesMeasured] ?? 0, Math.max(...delaysMs)];
  process.stdout.write(
    `a changed role acts on another process within ${middle.toFixed(1)} ms, ${most.toFixed(1)} at most\n`,
  );
}, 60_000);
