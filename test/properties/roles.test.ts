import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
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
let api: Client;
let owner: SignedIn;
let subject: SignedIn;
beforeAll(async () => {
  const { everfold } = await installation(stack);
  api = client((await everfold()).url);
  owner = await signedIn(api);
  subject = await signedIn(api, { colleagueOf: owner });
});
afterAll(() => stack.disposeAsync());

const roles = ["viewer", "member", "admin", "owner"] as const;
const role = fc.constantFrom(...roles);
type Role = (typeof roles)[number];

/** A request that needs exactly this role, and leaves everybody's role as it is. */
const needing: Readonly<Record<Role, (workspace: string, token: string) => Promise<Answer>>> = {
  viewer: (workspace, token) => api.get(`/workspaces/${workspace}`, { token }),
  member: (workspace, token) =>
    api.post(`/workspaces/${workspace}/billing/debits`, { amount: 1, description: "Enrich" }, { token }),
  admin: (workspace, token) => api.put(`/workspaces/${workspace}`, { name: "Growth" }, { token }),
  owner: (workspace, token) =>
    api.post(`/workspaces/${workspace}/billing/credits`, { amount: 1, description: "Invoice 7" }, { token }),
};

/** Workspaces of the owner's, the subject a member of each. */
const joined = async (count: number): Promise<string[]> => {
  const workspaces: string[] = [];
  for (let made = 0; made < count; made += 1) {
    const id = await newWorkspace(api, owner, 1_000);
    const member = { email: subject.email, role: "viewer" };
    expectStatus(201, await api.post(`/workspaces/${id}/members`, member, { token: owner.accessToken }));
    workspaces.push(id);
  }
  return workspaces;
};
const giveRole = async (workspace: string, role: Role): Promise<void> => {
  const path = `/workspaces/${workspace}/members/${subject.id}/role`;
  expectStatus(200, await api.put(path, { role }, { token: owner.accessToken }));
};

/** What the subject is to be told, with the access token of before any of these roles. */
const expectJudged = ({ status, body }: Answer, held: Role, required: Role): void => {
  const isGranted = roles.indexOf(held) >= roles.indexOf(required);
  const refused = { status: 403, error: { code: "FORBIDDEN", details: { required } } };
  expect({ held, required, status: Math.max(status, 201), error: body.error }).toMatchObject(
    isGranted ? { status: 201, error: null } : refused,
  );
};

test("P6 RBAC-01 R-13: what needs a role is granted exactly to those who hold that role or a higher one", {
  timeout: 300_000,
}, async () => {
  const [workspace = ""] = await joined(1);
  const everyPair = roles.flatMap((required) => roles.map((held): [Role, Role] => [required, held]));
  await fc.assert(
    fc.asyncProperty(role, role, async (required, held) => {
      await giveRole(workspace, held);
      expectJudged(await needing[required](workspace, subject.accessToken), held, required);
    }),
    { numRuns: 120, examples: everyPair },
  );
});

test("P7 RBAC-02: of several roles in several workspaces, the one in the workspace of the path counts", {
  timeout: 300_000,
}, async () => {
  const workspaces = await joined(3);
  const asked = fc.array(fc.record({ held: role, required: role }), { minLength: 3, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(asked, async (cases) => {
      const paths = cases.map((each, index) => ({ ...each, workspace: workspaces[index] ?? "" }));
      await Promise.all(paths.map(({ workspace, held }) => giveRole(workspace, held)));
      await Promise.all(
        paths.map(async ({ workspace, held, required }) =>
          expectJudged(await needing[required](workspace, subject.accessToken), held, required),
        ),
      );
    }),
    { numRuns: 100 },
  );
});
