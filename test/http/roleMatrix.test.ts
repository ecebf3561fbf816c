import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { permissions } from "../../src/commands/access.ts";
import { SetPlatformRole } from "../../src/commands/accounts.ts";
import { exampleIds } from "../../src/http/examples.ts";
import { API_PREFIX, type Route } from "../../src/http/route.ts";
import { contextOf } from "../commands/writeSide.ts";
import {
  type Answer,
  type Client,
  client,
  expectStatus,
  newWorkspace,
  type SignedIn,
  signedIn,
  switchedTo,
} from "../support/client.ts";
import { installation } from "../support/everfold.ts";
import { planned, plannedKinds } from "../support/planned.ts";
import { headOf } from "../support/stored.ts";

const workspaceRoles = ["viewer", "member", "admin", "owner"] as const;
/**
 * By their place in the workspace, or in its organization without being a member of the workspace, or in neither. All
 * but the organization's admin are viewers of the organization.
 */
const members = [...workspaceRoles, "colleague"] as const;
const callers = ["nobody", ...members, "organizationAdmin", "stranger", "systemAdmin"] as const;
type Caller = (typeof callers)[number];
type Person = Exclude<Caller, "nobody"> | "target" | "newcomer";

const stack = new AsyncDisposableStack();
let api: Client;
let routes: readonly Route[];
let cast: Readonly<Record<Person, SignedIn>>;
/** Another organization of the stranger's. */
let elsewhere: string;
/** Of the newest event in the whole store: anything written anywhere moves it, but for notes of what was refused. */
let headOfStore: () => Promise<bigint | undefined>;
beforeAll(async () => {
  const on = await installation(stack);
  const { everfold } = on;
  // What reactions write on account of one call must not be taken for what the next one wrote.
  const { url, routes: served, handler } = await everfold({ ROLES: "api,projections", DEFAULT_PLAN: "enterprise" });
  [api, routes] = [client(url), served];
  headOfStore = () => headOf(on);
  cast = {
    viewer: await signedIn(api),
    member: await signedIn(api),
    admin: await signedIn(api),
    owner: await signedIn(api),
    organizationAdmin: await signedIn(api),
    colleague: await signedIn(api),
    stranger: await signedIn(api),
    systemAdmin: await signedIn(api),
    target: await signedIn(api),
    newcomer: await signedIn(api),
  };
  const { stranger, systemAdmin } = cast;
  const founded = await api.post("/organizations", { name: "Elsewhere" }, { token: stranger.accessToken });
  elsewhere = expectStatus(201, founded).id;
  await handler.handle(SetPlatformRole, { userId: systemAdmin.id, role: "system_admin" }, contextOf());
});
afterAll(() => stack.disposeAsync());

const invitationOf = (who: Person, role: string) => ({ email: cast[who].email, role });

/** In a session of its own, because some routes end it. */
const signInAs = async (who: Person): Promise<{ accessToken: string; refreshToken: string }> => {
  const { email, password } = cast[who];
  return expectStatus(200, await api.post("/auth/login", { email, password }));
};
const isOutside = (who: Person): boolean => who === "stranger" || who === "systemAdmin";
/** Active in the scene's organization, for those who belong there. */
const actAs = async (who: Person, { organizationId }: Pick<Scene, "organizationId">) => {
  const signed = await signInAs(who);
  if (isOutside(who)) return signed;
  const switched = await api.post("/auth/switch", { organizationId }, { token: signed.accessToken });
  return { ...signed, accessToken: String(expectStatus(200, switched).accessToken) };
};

type Ids = "organizationId" | "workspaceId" | "otherWorkspaceId" | "userId" | "credentialId";
type Scene = Readonly<Record<Ids | "apiKeyId" | "transactionId" | "holdId" | "budgetId" | "invitationId", string>>;

/** An organization with everybody in it, but for the stranger and the newcomer. */
const organizationOf = async (): Promise<{ organizationId: string; founder: SignedIn }> => {
  const { accessToken } = await signInAs("organizationAdmin");
  const named = { name: `Acme ${randomUUID()}` };
  const { id: organizationId } = expectStatus(201, await api.post("/organizations", named, { token: accessToken }));
  const founder = await switchedTo(api, { ...cast.organizationAdmin, accessToken }, organizationId);
  for (const who of [...members, "target"] as const)
    expectStatus(
      201,
      await api.post(`/organizations/${organizationId}/members`, invitationOf(who, "viewer"), {
        token: founder.accessToken,
      }),
    );
  return { organizationId, founder };
};

/** A workspace with everybody in their place, a member to do things to, and something of everything there can be. */
const sceneIn = async (): Promise<Scene> => {
  const { organizationId, founder: founding } = await organizationOf();
  const founder = { token: founding.accessToken };
  const [workspaceId, otherWorkspaceId] = [await newWorkspace(api, founding, 1_000), await newWorkspace(api, founding)];
  const path = `/workspaces/${workspaceId}`;
  const made = async (what: string, body: object) =>
    expectStatus(201, await api.post(`${path}/${what}`, body, founder));
  for (const role of workspaceRoles) await made("members", invitationOf(role, role));
  await made("members", invitationOf("target", "viewer"));
  const other = `/workspaces/${otherWorkspaceId}/members`;
  expectStatus(201, await api.post(other, invitationOf("owner", "owner"), founder));
  const { id: credentialId } = await made("credentials", { providerName: "openai", key: "sk-0123456789" });
  const { transaction } = await made("billing/debits", { amount: 10, description: "Enrich" });
  const { hold } = await made("billing/holds", { amount: 100, description: "Run" });
  const scope = { kind: "member", id: exampleIds.member };
  const { budget } = await made("billing/budgets", { scope, limit: 5_000, period: "month" });
  const lent = { role: "member", scopes: ["credits:read"], workspaceId };
  const key = await api.post(`/organizations/${organizationId}/api-keys`, { name: "Worker", ...lent }, founder);
  const { id: apiKeyId } = expectStatus(201, key);
  const { invitation } = await made("members", { email: `${randomUUID()}@example.com`, role: "viewer" });
  expectStatus(200, await api.delete(`${path}/members/${cast.organizationAdmin.id}`, founder));
  const ids = { organizationId, workspaceId, otherWorkspaceId, userId: cast.target.id, credentialId };
  const inBilling = { transactionId: transaction.id, holdId: hold.id, budgetId: budget.id };
  return { ...ids, ...inBilling, apiKeyId, invitationId: invitation.id };
};

/** Where a route is about what is planned or kept in repositories: one of each kind, and to restore a deleted one. */
const furnished = async (scene: Scene, { permission, name }: Route): Promise<Scene> => {
  if (!/^(planning|repository|job):/.test(permission)) return scene;
  const { accessToken: token } = await actAs("organizationAdmin", scene);
  const made = async (path: string, body: object): Promise<string> => {
    const { id } = expectStatus(201, await api.post(path, body, { token }));
    return id;
  };
  const ids: Record<string, string> = {};
  const word = `planned${randomUUID()}`;
  const repositories = `/organizations/${scene.organizationId}/repositories`;
  ids["repositoryId"] = await made(repositories, { name: word });
  ids["jobId"] = await made(`${repositories}/${ids["repositoryId"]}/jobs`, { type: "index" });
  const plans = `/workspaces/${scene.workspaceId}`;
  for (const { idName, path } of plannedKinds)
    ids[idName] = await made(`${plans}/${path}`, planned(idName, { ids, word }));
  if (name.startsWith("Restore")) {
    const noun = name.slice("Restore".length);
    const own = plannedKinds.find((each) => each.noun === noun);
    const one = own ? `${plans}/${own.path}/${ids[own.idName]}` : `${repositories}/${ids["repositoryId"]}`;
    expectStatus(200, await api.delete(one, { token }));
  }
  return { ...scene, ...ids };
};

/** The route's example, sent where and about what there is. */
const call = async (route: Route, caller: Caller, scene: Scene): Promise<Answer> => {
  const ids: Readonly<Record<string, string>> = scene;
  const path = route.path.slice(API_PREFIX.length).replaceAll(/:(\w+)/g, (_, name: string) => ids[name] ?? name);
  const tokens = await actAs(caller === "nobody" ? "target" : caller, scene);
  const options = caller === "nobody" ? {} : { token: tokens.accessToken };
  const body = {
    ...route.example.body,
    ...ownBody(route.name, caller, scene, tokens.refreshToken),
    ...(await tokenBody(route.name, caller)),
  };
  const isRead = route.method === "GET" || route.name === "PreviewInvitation";
  const before = await headOfStore();
  const answer = await {
    GET: () => api.get(path, options),
    POST: () => api.post(path, body, options),
    PUT: () => api.put(path, body, options),
    PATCH: () => Promise.reject(new Error("no route is called with PATCH")),
    DELETE: () => api.delete(path, options),
  }[route.method]();
  const isWritten = (await headOfStore()) !== before;
  const isDone = answer.status === route.status;
  expect([route.name, caller, answer.status, isWritten]).toEqual([
    route.name,
    caller,
    answer.status,
    isDone && !isRead,
  ]);
  return answer;
};

/** An invitation by the newcomer, where the route asks for one: an acceptance for the caller, else for nobody known. */
const tokenBody = async (operation: string, caller: Caller): Promise<{ token?: string }> => {
  if (!["PreviewInvitation", "RegisterInvited", "AcceptInvitation"].includes(operation)) return {};
  const isTheirs = operation === "AcceptInvitation" && caller !== "nobody";
  const email = isTheirs ? cast[caller].email : `${randomUUID()}@example.com`;
  const { organizationId } = cast.newcomer;
  const { accessToken: token } = await signInAs("newcomer");
  const asked = await api.post(`/organizations/${organizationId}/invitations`, { email, role: "viewer" }, { token });
  return { token: expectStatus(201, asked).token };
};

/** What an example cannot know: who there is. */
const ownBody = (
  operation: string,
  caller: Caller,
  scene: Scene,
  refreshToken: string,
): Readonly<Record<string, unknown>> => {
  const { email, password } = cast.target;
  const own = caller === "nobody" ? elsewhere : cast[caller].organizationId;
  const bodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    Register: { email: `${randomUUID()}@example.com` },
    Login: { email, password },
    RefreshTokens: { refreshToken },
    Logout: { refreshToken },
    SwitchOrganization: { organizationId: isOutside(caller === "nobody" ? "target" : caller) ? elsewhere : own },
    CreateOrganization: { name: `Acme ${randomUUID()}`, slug: `acme-${randomUUID()}` },
    RenameOrganization: { name: `Acme ${randomUUID()}` },
    AddOrganizationMember: { email: cast.newcomer.email },
    ...Object.fromEntries(plannedKinds.map((kind) => [`Create${kind.noun}`, planned(kind.idName, { ids: scene })])),
    TransferCredits: { toWorkspaceId: scene.otherWorkspaceId },
  };
  return bodies[operation] ?? {};
};

const catalogue: Readonly<Record<string, { tier: string; role?: string; orOrganizationAdmin?: true }>> = permissions;
const rankOf = (role = ""): number => workspaceRoles.map(String).indexOf(role);

const expectedStatus = ({ permission, status, path }: Route, caller: Caller): number => {
  const required = catalogue[permission];
  if (required?.tier === "public") return status;
  if (caller === "nobody") return 401;
  if (required?.tier === "account" || caller === "systemAdmin") return status;
  const isElsewhere = required?.tier !== "workspace" && !path.includes(":organizationId");
  if (required?.tier === "platform") return caller === "stranger" && !isElsewhere ? 404 : 403;
  // Where no organization is named it is the active one, and the stranger is an admin of theirs.
  if (caller === "stranger") return isElsewhere ? status : 404;
  const isOrganizationAdmin = caller === "organizationAdmin";
  if (required?.tier === "organization") return isOrganizationAdmin || required.role === "viewer" ? status : 403;
  const held = isOrganizationAdmin ? "admin" : caller;
  const isGranted = rankOf(held) >= rankOf(required?.role) || (isOrganizationAdmin && required?.orOrganizationAdmin);
  return isGranted ? status : 403;
};

test("RBAC-05: every route names a permission of the catalogue", () => {
  expect(routes.length).toBeGreaterThan(25);
  expect(routes.filter(({ permission }) => !(permission in catalogue))).toEqual([]);
});

test("AUTH-13: these routes are public, and no others", () => {
  const open = routes.filter(({ permission }) => permission === "public").map(({ name }) => name);
  expect(open.toSorted()).toEqual([
    "GetHealth",
    "GetLedgerKeys",
    "GetReadiness",
    "GetSigningKeys",
    "Login",
    "PreviewInvitation",
    "RefreshTokens",
    "Register",
    "RegisterInvited",
  ]);
});

test.for(callers)(
  "RBAC-01 RBAC-03 RBAC-06 AUTH-13: %s may do what the catalogue says, and nothing else happens",
  { timeout: 300_000 },
  async (caller) => {
    const shared = await sceneIn();
    const table = new Map<string, number>();
    for (const route of routes) {
      const isRefused = expectedStatus(route, caller) !== route.status;
      // What is let through may change the scene; what is refused may not, so one does for all.
      const scene = await furnished(isRefused || route.method === "GET" ? shared : await sceneIn(), route);
      table.set(route.name, (await call(route, caller, scene)).status);
    }
    expect(table).toEqual(new Map(routes.map((route) => [route.name, expectedStatus(route, caller)])));
  },
);

const statusOf = async (name: string, caller: Caller, scene: Scene): Promise<number | undefined> => {
  const route = routes.find((each) => each.name === name);
  return route && (await call(route, caller, await furnished(scene, route))).status;
};

test("RBAC-13: a viewer writes nothing, a member deletes no workspace, an admin has no say in billing", async () => {
  const scene = await sceneIn();
  const writes = routes.filter(({ method, path }) => method !== "GET" && path.includes(":workspaceId"));
  expect(writes.length).toBeGreaterThan(8);
  for (const { name } of writes) expect([name, await statusOf(name, "viewer", scene)]).toEqual([name, 403]);
  expect(await statusOf("DeleteWorkspace", "member", scene)).toBe(403);
  expect(await statusOf("DeleteWorkspace", "admin", scene)).toBe(403);
  expect(await statusOf("AddCredits", "admin", scene)).toBe(403);
  expect(await statusOf("ConfigureAutoRecharge", "admin", scene)).toBe(403);
});

test("R-10: a stranger cannot tell a workspace from none", async () => {
  const { workspaceId } = await sceneIn();
  const headers = { "x-request-id": randomUUID() };
  const options = { token: (await signInAs("stranger")).accessToken, headers };
  const hidden = await api.get(`/workspaces/${workspaceId}`, options);
  const absent = await api.get(`/workspaces/${randomUUID()}`, options);
  expect([hidden.status, hidden.body]).toEqual([404, absent.body]);
});
