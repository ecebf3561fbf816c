import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
import { type Installation, installation } from "../support/everfold.ts";
import { storedRows } from "../support/stored.ts";

const stack = new AsyncDisposableStack();
let on: Installation;
/** The same installation through two processes. */
let apis: readonly [Client, Client];
let ada: SignedIn;
beforeAll(async () => {
  on = await installation(stack);
  const [first, second] = [await on.everfold(), await on.everfold()];
  apis = [client(first.url), client(second.url)];
  ada = await signedIn(apis[0]);
});
afterAll(() => stack.disposeAsync());

const by = ({ accessToken: token }: SignedIn) => ({ token });
const outcomeOf = ({ status, body }: Answer) => [status, body.error?.code ?? null];
const newAddress = () => `${randomUUID()}@example.com`;
const password = "correct horse battery";

/** A new organization of Ada's, with five seats, one of which is hers. */
const founded = async (): Promise<SignedIn> => {
  const { id } = expectStatus(201, await apis[0].post("/organizations", { name: `Acme ${randomUUID()}` }, by(ada)));
  return switchedTo(apis[0], ada, id);
};
const pathOf = ({ organizationId }: SignedIn, rest = "") => `/organizations/${organizationId}${rest}`;
const invite = (admin: SignedIn, email: string, role = "member", api = apis[0]) =>
  api.post(pathOf(admin, "/invitations"), { email, role }, by(admin));
const invited = async (admin: SignedIn, email: string, role?: string) =>
  expectStatus(201, await invite(admin, email, role));
const resend = (admin: SignedIn, id: string, api = apis[0]) =>
  api.post(pathOf(admin, `/invitations/${id}/resend`), undefined, by(admin));
const revoke = (admin: SignedIn, id: string, api = apis[0]) =>
  api.delete(pathOf(admin, `/invitations/${id}`), by(admin));
const accept = (who: SignedIn, token: string, api = apis[0]) => api.post("/invitations/accept", { token }, by(who));
const register = (token: string, api = apis[0]) =>
  api.post("/invitations/register", { token, password, name: "Grace" });
const preview = (token: string) => apis[0].post("/invitations/preview", { token });
/** What somebody else has written, or another process, is seen by who says after what. */
const seeing = (admin: SignedIn, after: Answer) => ({
  ...by(admin),
  headers: { "x-event-position": after.headers.get("x-event-position") ?? "" },
});
const membersOf = async (admin: SignedIn, after: Answer) =>
  expectStatus(200, await apis[0].get(pathOf(admin, "/members?limit=100"), seeing(admin, after)));
const roleIn = async (admin: SignedIn, userId: string, after: Answer): Promise<string | undefined> =>
  (await membersOf(admin, after)).find((member: { userId: string }) => member.userId === userId)?.role;

describe("an invitation into an organization", () => {
  test("INV-01 INV-03: makes an account for a new address, which has the role it was offered", async () => {
    const [acme, email] = [await founded(), newAddress()];
    const { token, ...seen } = await invited(acme, email.toUpperCase(), "admin");
    expect(seen).toMatchObject({ email, role: "admin", status: "open", invitedBy: ada.id, workspaceId: null });
    expect(Date.parse(seen.expiresAt) - Date.parse(seen.invitedAt)).toBe(7 * 24 * 3_600_000);
    expect(expectStatus(200, await preview(token))).toMatchObject({ email, role: "admin", hasAccount: false });
    const registered = await register(token);
    const { user, organizationId } = expectStatus(201, registered);
    expect([user.email, organizationId]).toEqual([email, acme.organizationId]);
    expect(await roleIn(acme, user.id, registered)).toBe("admin");
    const { accessToken } = expectStatus(200, await apis[0].post("/auth/login", { email, password }));
    expectStatus(200, await apis[0].post("/auth/switch", { organizationId }, { token: accessToken }));
    expect(outcomeOf(await register(token))).toEqual([410, "INVITATION_USED"]);
    expect(outcomeOf(await preview(token))).toEqual([410, "INVITATION_USED"]);
  });

  test("INV-03 INV-04: is accepted by the account of its address, once, and by no other", async () => {
    const [acme, grace, eve] = [await founded(), await signedIn(apis[0]), await signedIn(apis[0])];
    const { token } = await invited(acme, grace.email);
    expect(expectStatus(200, await preview(token))).toMatchObject({ hasAccount: true });
    expect(outcomeOf(await accept(eve, token))).toEqual([403, "INVITATION_FOR_ANOTHER"]);
    expect(outcomeOf(await register(token))).toEqual([409, "EMAIL_TAKEN"]);
    const accepted = await accept(grace, token);
    expectStatus(200, accepted);
    expect(await roleIn(acme, grace.id, accepted)).toBe("member");
    expect(outcomeOf(await accept(grace, token))).toEqual([410, "INVITATION_USED"]);
    expect(outcomeOf(await invite(acme, grace.email))).toEqual([409, "MEMBER_EXISTS"]);
  });

  test("INV-03: sent again with its key, an acceptance is answered as it was", async () => {
    const [acme, email] = [await founded(), newAddress()];
    const { token } = await invited(acme, email);
    const headers = { "idempotency-key": randomUUID() };
    const asked = () => apis[0].post("/invitations/register", { token, password, name: "Grace" }, { headers });
    const first = expectStatus(201, await asked());
    expect(expectStatus(201, await asked())).toEqual(first);
  });

  test("INV-04: is listed, sent anew and revoked; old tokens and revoked ones are good for nothing", async () => {
    const [acme, email] = [await founded(), newAddress()];
    const { id, token } = await invited(acme, email);
    const [listed] = expectStatus(200, await apis[0].get(pathOf(acme, "/invitations"), by(acme)));
    expect(listed).toMatchObject({ id, email, status: "open", invitedBy: ada.id });
    expect(listed).not.toHaveProperty("token");
    const renewed = expectStatus(200, await resend(acme, id));
    expect(renewed.token).not.toBe(token);
    expect(outcomeOf(await register(token))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expectStatus(200, await revoke(acme, id));
    expectStatus(200, await revoke(acme, id));
    expect(outcomeOf(await register(renewed.token))).toEqual([410, "INVITATION_REVOKED"]);
    expect(outcomeOf(await resend(acme, id))).toEqual([410, "INVITATION_REVOKED"]);
    const [after] = expectStatus(200, await apis[0].get(pathOf(acme, "/invitations"), by(acme)));
    expect(after).toMatchObject({ id, status: "revoked" });
    for (const text of ["x", `${randomUUID()}.x`, `${id}.${"x".repeat(43)}`])
      expect(outcomeOf(await preview(text))).toEqual([404, "RESOURCE_NOT_FOUND"]);
  });

  test("INV-01: is one for each address, and again once it was revoked", async () => {
    const [acme, email] = [await founded(), newAddress()];
    const { id } = await invited(acme, email);
    expect(outcomeOf(await invite(acme, email))).toEqual([409, "INVITATION_EXISTS"]);
    expectStatus(200, await revoke(acme, id));
    await invited(acme, email);
  });

  test("R-10: of another organization is as absent as none", async () => {
    const [acme, other] = [await founded(), await founded()];
    const { id } = await invited(acme, newAddress());
    for (const asked of [resend(other, id), revoke(other, id)])
      expect(outcomeOf(await asked)).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(expectStatus(200, await apis[0].get(pathOf(other, "/invitations"), by(other)))).toEqual([]);
  });

  test("INV-01 USR-05: neither its token nor its address stands in clear in a table", async () => {
    const [acme, email] = [await founded(), newAddress()];
    const { token } = await invited(acme, email);
    expect(expectStatus(200, await apis[0].get(pathOf(acme, "/invitations"), by(acme)))).toHaveLength(1);
    const rows = await storedRows(on);
    expect(rows.filter((row) => row.includes(email) || row.includes(token.split(".")[1]))).toEqual([]);
  });
});

describe("seats", () => {
  const full = [409, "QUOTA_EXCEEDED"];

  test("QUO-02: open invitations count, and those that were revoked do not", async () => {
    const acme = await founded();
    const open = [];
    for (let count = 0; count < 4; count += 1) open.push(await invited(acme, newAddress()));
    expect(outcomeOf(await invite(acme, newAddress()))).toEqual(full);
    const grace = await signedIn(apis[0]);
    const add = () => apis[0].post(pathOf(acme, "/members"), { email: grace.email, role: "viewer" }, by(acme));
    expect(outcomeOf(await add())).toEqual(full);
    expectStatus(201, await register(open[0].token));
    expect(outcomeOf(await add())).toEqual(full);
    expectStatus(200, await revoke(acme, open[1].id));
    expectStatus(201, await add());
  });

  test("QUO-02: the last one is had by one of two invitations", async () => {
    const acme = await founded();
    for (let count = 0; count < 3; count += 1) await invited(acme, newAddress());
    const asked = apis.flatMap((api) =>
      [newAddress(), newAddress()].map((email) => invite(acme, email, "viewer", api)),
    );
    const outcomes = (await Promise.all(asked)).map(outcomeOf);
    expect(outcomes.toSorted()).toEqual([[201, null], full, full, full]);
  });
});

describe("at once", () => {
  test("INV-01: of two acceptances in two processes one is let through", async () => {
    const acme = await founded();
    const grace = await signedIn(apis[0]);
    const { token } = await invited(acme, grace.email);
    const answers = await Promise.all(apis.map((api) => accept(grace, token, api)));
    expect(answers.map(outcomeOf).toSorted()).toEqual([
      [200, null],
      [410, "INVITATION_USED"],
    ]);
    const [accepted] = answers.filter(({ status }) => status === 200);
    expect(accepted && (await roleIn(acme, grace.id, accepted))).toBe("member");
  });

  test("INV-01: of two new people with one token one has the account", async () => {
    const acme = await founded();
    const { token } = await invited(acme, newAddress());
    const answers = await Promise.all(apis.map((api) => register(token, api)));
    const [registered, ...others] = answers.filter(({ status }) => status === 201);
    expect(others).toEqual([]);
    expect(registered && (await membersOf(acme, registered))).toHaveLength(2);
  });

  test("INV-04: an acceptance against a revocation: whoever is let through, the other is told so", async () => {
    const acme = await founded();
    for (let round = 0; round < 3; round += 1) {
      const grace = await signedIn(apis[0]);
      const { id, token } = await invited(acme, grace.email);
      const [taken, withdrawn] = await Promise.all([accept(grace, token, apis[0]), revoke(acme, id, apis[1])]);
      const isTaken = taken.status === 200;
      expect([outcomeOf(taken), outcomeOf(withdrawn)]).toEqual(
        isTaken
          ? [
              [200, null],
              [410, "INVITATION_USED"],
            ]
          : [
              [410, "INVITATION_REVOKED"],
              [200, null],
            ],
      );
      expect(await roleIn(acme, grace.id, isTaken ? taken : withdrawn)).toBe(isTaken ? "member" : undefined);
    }
  });
});

describe("an invitation into a workspace", () => {
  test("WS-05 INV-03: an unknown address is invited, and has exactly that role once it has accepted", async () => {
    const acme = await founded();
    const [workspace, email] = [await newWorkspace(apis[0], acme), newAddress()];
    const path = `/workspaces/${workspace}`;
    const asked = await apis[0].post(`${path}/members`, { email, role: "owner" }, by(acme));
    const { userId, invitation } = expectStatus(201, asked);
    expect([userId, invitation.role, invitation.workspaceId]).toEqual([null, "owner", workspace]);
    const [listed] = expectStatus(200, await apis[0].get(`${path}/invitations`, by(acme)));
    expect(listed).toMatchObject({ id: invitation.id, email, workspaceId: workspace });
    expect(expectStatus(200, await preview(invitation.token))).toMatchObject({ workspaceName: "Growth" });
    const registered = await register(invitation.token);
    const { user } = expectStatus(201, registered);
    expect(expectStatus(200, await apis[0].get(`${path}/members`, seeing(acme, registered)))).toContainEqual(
      expect.objectContaining({ userId: user.id, role: "owner" }),
    );
    expect(await roleIn(acme, user.id, registered)).toBe("viewer");
  });

  test("INV-04: is sent anew and revoked by its admins, and gives its place and its seat back", async () => {
    const acme = await founded();
    const [workspace, email] = [await newWorkspace(apis[0], acme), newAddress()];
    const path = `/workspaces/${workspace}`;
    const add = () => apis[0].post(`${path}/members`, { email, role: "viewer" }, by(acme));
    const { invitation } = expectStatus(201, await add());
    const { token } = expectStatus(
      200,
      await apis[0].post(`${path}/invitations/${invitation.id}/resend`, undefined, by(acme)),
    );
    expect(outcomeOf(await preview(invitation.token))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expectStatus(200, await apis[0].delete(`${path}/invitations/${invitation.id}`, by(acme)));
    expect(outcomeOf(await register(token))).toEqual([410, "INVITATION_REVOKED"]);
    expectStatus(201, await add());
    for (let count = 0; count < 3; count += 1) await invited(acme, newAddress());
    expect(outcomeOf(await invite(acme, newAddress()))).toEqual([409, "QUOTA_EXCEEDED"]);
  });

  test("INV-04: is for nothing when the workspace is deleted", async () => {
    const acme = await founded();
    const workspace = await newWorkspace(apis[0], acme);
    const asked = await apis[0].post(
      `/workspaces/${workspace}/members`,
      { email: newAddress(), role: "viewer" },
      by(acme),
    );
    const { invitation } = expectStatus(201, asked);
    expectStatus(200, await apis[0].delete(`/workspaces/${workspace}`, by(acme)));
    expect(outcomeOf(await register(invitation.token))).toEqual([410, "INVITATION_REVOKED"]);
  });
});
