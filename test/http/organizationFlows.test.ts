import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { decodeJwt } from "jose";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Handler } from "../../src/commands/handler.ts";
import { organization } from "../../src/domain/tenancy/organization.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
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
import { type Installation, installation, masterKey } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
let on: Installation;
/** The same installation through two processes. */
let apis: readonly [Client, Client];
let ada: SignedIn;
let lines: readonly string[];
let handler: Handler;
beforeAll(async () => {
  on = await installation(stack);
  const [first, second] = [await on.everfold(), await on.everfold()];
  apis = [client(first.url), client(second.url)];
  ({ lines, handler } = first);
  ada = await signedIn(apis[0]);
});
afterAll(() => stack.disposeAsync());

const by = ({ accessToken: token }: SignedIn) => ({ token });
const outcomeOf = ({ status, body }: Answer) => [status, body.error?.code ?? null];
const within = { timeout: 20_000 };

/** A new organization of somebody's, in which they act from now on. */
const founded = async (founder: SignedIn, name = `Acme ${randomUUID()}`): Promise<SignedIn> => {
  const { id } = expectStatus(201, await apis[0].post("/organizations", { name }, by(founder)));
  return switchedTo(apis[0], founder, id);
};
const pathOf = ({ organizationId }: SignedIn, rest = "") => `/organizations/${organizationId}${rest}`;
const setRole = (admin: SignedIn, { id }: SignedIn, role: string, api = apis[0]) =>
  api.put(pathOf(admin, `/members/${id}/role`), { role }, by(admin));

describe("an organization", () => {
  test("ORG-01 ORG-03: is made by anybody, who is its admin, with the free plan's quotas", async () => {
    const name = `Acme ${randomUUID()}`;
    const made = expectStatus(201, await apis[0].post("/organizations", { name }, by(ada)));
    expect(made).toMatchObject({ name, plan: "free", status: "ACTIVE", isPersonal: false, quotas: { maxUsers: 5 } });
    const listed = expectStatus(200, await apis[0].get("/organizations?limit=100", by(ada)));
    expect(listed).toContainEqual(expect.objectContaining({ id: made.id, role: "admin", slug: made.slug }));
    const active = await switchedTo(apis[0], ada, made.id);
    expect(expectStatus(200, await apis[0].get(pathOf(active), by(active)))).toMatchObject({ id: made.id, name });
  });

  test("ORG-02: of one user has a name of its own, of all of them a slug", async () => {
    const [name, slug] = [`Acme ${randomUUID()}`, `acme-${randomUUID()}`];
    const create = (body: object, founder = ada) => apis[0].post("/organizations", body, by(founder));
    const linus = await signedIn(apis[0]);
    expectStatus(201, await create({ name, slug }));
    expect(outcomeOf(await create({ name: name.toUpperCase() }))).toEqual([409, "NAME_TAKEN"]);
    expect(outcomeOf(await create({ name, slug }, linus))).toEqual([409, "SLUG_TAKEN"]);
    expect(expectStatus(201, await create({ name }, linus)).slug).not.toBe(slug);
  });

  test("ORG-02: gives back its old name when it has another", async () => {
    const [former, name] = [`Acme ${randomUUID()}`, `Acme ${randomUUID()}`];
    const acme = await founded(ada, former);
    expect(expectStatus(200, await apis[0].put(pathOf(acme), { name }, by(acme))).name).toBe(name);
    expect(outcomeOf(await apis[0].post("/organizations", { name }, by(ada)))).toEqual([409, "NAME_TAKEN"]);
    await vi.waitFor(async () => {
      expectStatus(201, await apis[0].post("/organizations", { name: former }, by(ada)));
    }, within);
  });

  test("ORG-04 ORG-05 WS-09: keeps what its admin says about it", async () => {
    const acme = await founded(ada);
    const settings = { industry: "Logistics", cloudProvider: "aws", projectManagementTool: "jira" };
    expectStatus(200, await apis[0].put(pathOf(acme, "/settings"), settings, by(acme)));
    expect(expectStatus(200, await apis[0].get(pathOf(acme, "/settings"), by(acme)))).toEqual(settings);
    const compliance = { frameworks: ["SOC2", "HIPAA", "SOC2"] };
    expectStatus(200, await apis[0].put(pathOf(acme, "/compliance"), compliance, by(acme)));
    const told = expectStatus(200, await apis[0].get(pathOf(acme, "/compliance"), by(acme)));
    expect(told).toEqual({ frameworks: ["HIPAA", "SOC2"] });

    const workspace = `/workspaces/${await newWorkspace(apis[0], acme)}/settings`;
    const ofWorkspace = { description: "New markets", timeZone: "Europe/Berlin", language: "de" };
    expectStatus(200, await apis[0].put(workspace, ofWorkspace, by(acme)));
    expect(expectStatus(200, await apis[0].get(workspace, by(acme)))).toEqual(ofWorkspace);
  });

  test("ORG-08 QUO-03: tells what there is in it, and how much of its quotas that is", async () => {
    const acme = await founded(ada);
    await newWorkspace(apis[0], acme, 40);
    await newWorkspace(apis[0], acme, 2);
    await signedIn(apis[0], { colleagueOf: acme });
    const dashboard = expectStatus(200, await apis[0].get(pathOf(acme, "/dashboard"), by(acme)));
    expect(dashboard).toEqual({ users: 2, deactivatedUsers: 0, workspaces: 2, credits: 42 });
    expect(expectStatus(200, await apis[0].get(pathOf(acme, "/usage"), by(acme))).usage).toEqual([
      { quota: "maxUsers", limit: 5, used: 2 },
      { quota: "maxWorkspaces", limit: 100, used: 2 },
    ]);
  });

  test("ORG-06 ORG-09: inactive, it lets its admin read it and make it active again, and nothing else", async () => {
    const acme = await founded(ada);
    const workspace = await newWorkspace(apis[0], acme);
    const grace = await signedIn(apis[0], { colleagueOf: acme });
    expectStatus(200, await apis[0].put(pathOf(acme, "/status"), { status: "INACTIVE" }, by(acme)));
    const blocked = [403, "ORGANIZATION_INACTIVE"];
    expect(outcomeOf(await apis[0].get(`/workspaces/${workspace}`, by(acme)))).toEqual(blocked);
    expect(outcomeOf(await apis[0].post("/workspaces", { name: "Growth" }, by(acme)))).toEqual(blocked);
    expect(outcomeOf(await apis[0].get(pathOf(acme), by(grace)))).toEqual(blocked);
    expect(expectStatus(200, await apis[0].get(pathOf(acme), by(acme))).status).toBe("INACTIVE");
    expectStatus(200, await apis[0].put(pathOf(acme, "/status"), { status: "ACTIVE" }, by(acme)));
    expectStatus(200, await apis[0].get(`/workspaces/${workspace}`, by(acme)));
  });

  test("ORG-06 WS-11 R-11: deleted, it is gone at once, and all that was in it follows", async () => {
    const [name, slug] = [`Acme ${randomUUID()}`, `acme-${randomUUID()}`];
    const { id } = expectStatus(201, await apis[0].post("/organizations", { name, slug }, by(ada)));
    const acme = await switchedTo(apis[0], ada, id);
    const workspace = await newWorkspace(apis[0], acme);
    const { slug: taken } = expectStatus(200, await apis[0].get(`/workspaces/${workspace}`, by(acme)));
    expectStatus(200, await apis[0].delete(pathOf(acme), by(acme)));
    for (const path of [pathOf(acme), `/workspaces/${workspace}`, "/workspaces"])
      expect(outcomeOf(await apis[0].get(path, by(acme)))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    await vi.waitFor(async () => {
      const memberships = expectStatus(200, await apis[0].get("/auth/me", by(ada)));
      expect(memberships.workspaces.map((each: { id: string }) => each.id)).not.toContain(workspace);
      expectStatus(201, await apis[0].post("/organizations", { name, slug }, by(ada)));
    }, within);
    expect(taken).toContain("growth");
  });
});

describe("a deleted workspace", () => {
  const keysOf = async (workspaceId: string) => {
    const reading = new pg.Client({ connectionString: on.database.url });
    await reading.connect();
    const { rows } = await reading
      .query("select wrapped_key from vault.subject_keys where scope_id = $1", [workspaceId])
      .finally(() => reading.end());
    return rows.map(({ wrapped_key }) => wrapped_key);
  };

  test("WS-11: takes its credentials' keys and its members with it, and gives back slug and place", async () => {
    const acme = await founded(ada);
    const grace = await signedIn(apis[0], { colleagueOf: acme });
    const name = `Growth ${randomUUID()}`;
    const create = () => apis[0].post("/workspaces", { name }, by(acme));
    const { id, slug } = expectStatus(201, await create());
    const path = `/workspaces/${id}`;
    expectStatus(201, await apis[0].post(`${path}/members`, { email: grace.email, role: "member" }, by(acme)));
    const credential = { providerName: "openai", key: "sk-0123456789" };
    expectStatus(201, await apis[0].post(`${path}/credentials`, credential, by(acme)));
    expect(await keysOf(id)).toEqual([expect.any(Buffer)]);
    expectStatus(200, await apis[0].delete(path, by(acme)));
    await vi.waitFor(async () => {
      expect(await keysOf(id)).toEqual([null]);
      const { state: gone } = await handler.stateOf(workspace, id);
      expect(gone.status === "DELETED" && gone.members.size).toBe(0);
      const { state: tenant } = await handler.stateOf(organization, acme.organizationId);
      expect(tenant.status === "ACTIVE" && tenant.workspaces.size).toBe(0);
    }, within);
    expect(expectStatus(201, await create()).slug).toBe(slug);
  });
});

describe("a workspace's status", () => {
  test("WS-14: archived, it is looked at and not changed, until it is active again", async () => {
    const path = `/workspaces/${await newWorkspace(apis[0], ada, 10)}`;
    const debit = () => apis[0].post(`${path}/billing/debits`, { amount: 1, description: "Enrich" }, by(ada));
    const become = (status: string) => apis[0].put(`${path}/status`, { status }, by(ada));
    expectStatus(200, await become("ARCHIVED"));
    expect(outcomeOf(await debit())).toEqual([403, "WORKSPACE_ARCHIVED"]);
    expect(expectStatus(200, await apis[0].get(`${path}/billing`, by(ada))).creditBalance).toBe(10);
    expectStatus(200, await become("INACTIVE"));
    expect(outcomeOf(await apis[0].get(`${path}/billing`, by(ada)))).toEqual([403, "WORKSPACE_INACTIVE"]);
    expect(expectStatus(200, await apis[0].get(path, by(ada))).status).toBe("INACTIVE");
    expectStatus(200, await become("ACTIVE"));
    expectStatus(201, await debit());
  });
});

describe("the active organization", () => {
  test("AUTH-26 R-10 WS-03: a token is good for one organization, and switching gives one for another", async () => {
    const acme = await founded(ada);
    const [here, there] = [await newWorkspace(apis[0], ada), await newWorkspace(apis[0], acme)];
    const ids = async (who: SignedIn) =>
      expectStatus(200, await apis[0].get("/workspaces?limit=100", by(who))).map(({ id }: { id: string }) => id);
    expect(await ids(acme)).toEqual([there]);
    expect(await ids(ada)).not.toContain(there);
    expect(outcomeOf(await apis[0].get(`/workspaces/${there}`, by(ada)))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(outcomeOf(await apis[0].get(`/workspaces/${here}`, by(acme)))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(outcomeOf(await apis[0].get(pathOf(acme), by(ada)))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(decodeJwt(acme.accessToken)["sid"]).toBe(decodeJwt(ada.accessToken)["sid"]);
  });

  test("AUTH-26 AUTH-09: a refresh keeps it", async () => {
    const grace = await founded(await signedIn(apis[0]));
    const { refreshToken } = grace;
    const refreshed = expectStatus(200, await apis[0].post("/auth/refresh", { refreshToken }));
    expect(decodeJwt(refreshed.accessToken)["orgId"]).toBe(grace.organizationId);
  });

  test("AUTH-26: nobody switches to an organization that is not theirs", async () => {
    const acme = await founded(ada);
    const linus = await signedIn(apis[0]);
    for (const organizationId of [acme.organizationId, randomUUID()])
      expect(outcomeOf(await apis[0].post("/auth/switch", { organizationId }, by(linus)))).toEqual([
        404,
        "RESOURCE_NOT_FOUND",
      ]);
  });

  test("RBAC-09 ORG-07: who is removed is out with the next request, and can go elsewhere", async () => {
    const acme = await founded(ada);
    const grace = await signedIn(apis[0], { colleagueOf: acme });
    const workspace = await newWorkspace(apis[0], acme);
    const member = { email: grace.email, role: "owner" };
    expectStatus(201, await apis[0].post(`/workspaces/${workspace}/members`, member, by(acme)));
    expectStatus(200, await setRole(acme, grace, "member"));
    expectStatus(201, await apis[0].post("/workspaces", { name: "Hers" }, by(grace)));
    const removal = await apis[0].delete(pathOf(acme, `/members/${grace.id}`), by(acme));
    expect(outcomeOf(removal)).toEqual([409, "LAST_OWNER"]);
    const [hers] = removal.body.error.details.workspaceIds;
    expectStatus(200, await apis[0].delete(`/workspaces/${hers}`, by(acme)));
    expectStatus(200, await apis[0].delete(pathOf(acme, `/members/${grace.id}`), by(acme)));
    for (const path of [`/workspaces/${workspace}`, "/workspaces", pathOf(acme)])
      expect(outcomeOf(await apis[0].get(path, by(grace)))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    const { organizations } = expectStatus(200, await apis[0].get("/auth/me", by(grace)));
    await switchedTo(apis[0], grace, organizations[0].id);
    await vi.waitFor(async () => {
      const members = expectStatus(200, await apis[0].get(`/workspaces/${workspace}/members`, by(acme)));
      expect(members.map(({ userId }: { userId: string }) => userId)).toEqual([ada.id]);
    }, within);
  });
});

test("RBAC-09 RBAC-14: a role that was changed through one process acts in another one as well", async () => {
  const acme = await founded(ada);
  const grace = await signedIn(apis[0], { colleagueOf: acme });
  const create = () => apis[1].post("/workspaces", { name: "Growth" }, by(grace));
  expect(outcomeOf(await create())).toEqual([403, "FORBIDDEN"]);
  expectStatus(200, await setRole(acme, grace, "member"));
  await vi.waitFor(async () => {
    expectStatus(201, await create());
  }, within);
  expectStatus(200, await setRole(acme, grace, "viewer"));
  await vi.waitFor(async () => expect(outcomeOf(await create())).toEqual([403, "FORBIDDEN"]), within);
});

describe("at once", () => {
  test("RBAC-08: of two admins who remove each other, one stays", async () => {
    for (let round = 0; round < 5; round += 1) {
      const acme = await founded(ada);
      const grace = await signedIn(apis[0], { colleagueOf: acme });
      expectStatus(200, await setRole(acme, grace, "admin"));
      const removals = await Promise.all([
        apis[0].delete(pathOf(acme, `/members/${grace.id}`), by(acme)),
        apis[1].delete(pathOf(acme, `/members/${ada.id}`), by(grace)),
      ]);
      expect(removals.filter(({ status }) => status === 200)).toHaveLength(1);
    }
  });

  test("QUO-02 WS-10: of many who take the last place of a user or of a workspace, one gets it", async () => {
    const acme = await founded(ada);
    await systemAdmin("grant", ada.email);
    const quotas = { maxUsers: 3, maxWorkspaces: 2, maxMembersPerWorkspace: 1 };
    await vi.waitFor(async () => {
      expectStatus(200, await apis[0].put(pathOf(acme, "/quotas"), quotas, by(acme)));
    }, within);
    await systemAdmin("revoke", ada.email);
    await signedIn(apis[0], { colleagueOf: acme });
    const workspace = await newWorkspace(apis[0], acme);
    const full = { quota: "maxMembersPerWorkspace", limit: 1, used: 1 };
    const invited = await apis[0].post(
      `/workspaces/${workspace}/members`,
      { email: `${randomUUID()}@example.com`, role: "viewer" },
      by(acme),
    );
    expect([...outcomeOf(invited), invited.body.error.details]).toEqual([409, "QUOTA_EXCEEDED", full]);
    const newcomers = await Promise.all(Array.from({ length: 6 }, () => signedIn(apis[0])));
    const joining = newcomers.map(({ email }, index) =>
      apis[index % 2 ? 1 : 0].post(pathOf(acme, "/members"), { email, role: "viewer" }, by(acme)),
    );
    const making = newcomers.map((_, index) =>
      apis[index % 2 ? 1 : 0].post("/workspaces", { name: "Growth" }, by(acme)),
    );
    for (const [asked, used] of [
      [joining, { quota: "maxUsers", limit: 3, used: 3 }],
      [making, { quota: "maxWorkspaces", limit: 2, used: 2 }],
    ] as const) {
      const answers = await Promise.all(asked);
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      const refused = answers.filter(({ status }) => status !== 201);
      expect(refused.map(({ status, body: { error } }) => [status, error.code, error.details])).toEqual(
        refused.map(() => [409, "QUOTA_EXCEEDED", used]),
      );
    }
  });
});

/** `npm run admin`, beside the processes. */
const systemAdmin = (order: string, email: string) =>
  promisify(execFile)(process.execPath, ["src/admin.ts", order, email], {
    env: {
      ...process.env,
      ...{ DATABASE_URL: on.database.url, EVENTSTORE_URL: on.eventStore.url, ENCRYPTION_MASTER_KEY: masterKey },
    },
  });

describe("a system admin", () => {
  test("RBAC-07 R-03: is made on the machine, and may do everything everywhere until it is taken back", async () => {
    const [root, acme] = [await signedIn(apis[0]), await founded(ada)];
    const workspace = await newWorkspace(apis[0], acme);
    expect((await systemAdmin("grant", root.email)).stdout).toBe(`${root.email} is a system admin.\n`);
    const read = () => apis[0].get(`/workspaces/${workspace}`, by(root));
    await vi.waitFor(async () => {
      expectStatus(200, await read());
    }, within);
    expectStatus(200, await apis[0].put(pathOf(acme, "/plan"), { plan: "pro" }, by(root)));
    const grace = await signedIn(apis[0], { colleagueOf: acme });
    const owner = { email: grace.email, role: "owner" };
    expectStatus(201, await apis[0].post(`/workspaces/${workspace}/members`, owner, by(root)));
    expectStatus(200, await apis[0].delete(`/workspaces/${workspace}/members/${ada.id}`, by(root)));
    await systemAdmin("revoke", root.email);
    await vi.waitFor(async () => expect((await read()).status).toBe(404), within);
  });

  test("is nobody without an account", async () => {
    await expect(systemAdmin("grant", "nobody@example.com")).rejects.toMatchObject({
      code: 1,
      stderr: "There is no account with the address nobody@example.com.\n",
    });
    await expect(systemAdmin("crown", "nobody@example.com")).rejects.toMatchObject({ code: 2 });
  });
});

test("RBAC-11: each decision is logged, with the tier that decided and why", async () => {
  const workspace = await newWorkspace(apis[0], ada);
  const stranger = await signedIn(apis[0]);
  const decided = async (who: SignedIn) => {
    const requestId = randomUUID();
    await apis[0].get(`/workspaces/${workspace}`, { ...by(who), headers: { "x-request-id": requestId } });
    return vi.waitFor(() => {
      const line = lines.map((each) => JSON.parse(each)).find((each) => each.requestId === requestId && each.tier);
      return line ? [line.tier, line.role, line.reason] : Promise.reject(new Error("not logged yet"));
    });
  };
  expect(await decided(ada)).toEqual(["organization", "admin", "organization_admin"]);
  expect(await decided(stranger)).toEqual(["organization", null, "other_organization"]);
});

test("RBAC-10: what a caller may do is told as each route decides it", async () => {
  const workspace = await newWorkspace(apis[0], ada);
  const mine = expectStatus(200, await apis[0].get(`/auth/permissions?workspaceId=${workspace}`, by(ada)));
  expect(mine).toMatchObject({ organizationRole: "admin", workspaceRole: "owner", platformRole: "user" });
  expect(mine.permissions).toContain("credits:admin");
  const elsewhere = await apis[0].get(`/auth/permissions?workspaceId=${randomUUID()}`, by(ada));
  expect(outcomeOf(elsewhere)).toEqual([404, "RESOURCE_NOT_FOUND"]);
});
