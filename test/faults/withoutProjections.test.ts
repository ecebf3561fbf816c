import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Client,
  client,
  expectStatus,
  newWorkspace,
  type SignedIn,
  signedIn,
  switchedTo,
} from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
/** An API beside which no projection runs: every read model is empty, and stays so. */
let api: Client;
let ada: SignedIn;
let grace: SignedIn;
let workspace: string;

beforeAll(async () => {
  const { everfold } = await installation(stack);
  api = client((await everfold({ ROLES: "api" })).url);
  ada = await signedIn(api);
  grace = await signedIn(api, { name: "Grace" });
  workspace = await newWorkspace(api, ada, 10);
});
afterAll(() => stack.disposeAsync());

const asAda = () => ({ token: ada.accessToken });
const asGrace = () => ({ token: grace.accessToken });
const debit = (amount: number, as: { token: string }) =>
  api.post(`/workspaces/${workspace}/billing/debits`, { amount, description: "Enrich" }, as);
const codeOf = ({ status, body }: Awaited<ReturnType<typeof debit>>) => [status, body.error.code];

test("ES-07: roles, the last owner and the balance are decided without any read model", async () => {
  expect((await api.getOnce(`/workspaces/${workspace}/members`, asAda())).status).toBe(202);
  expect(codeOf(await debit(1, asGrace()))).toEqual([404, "RESOURCE_NOT_FOUND"]);
  const joining = { email: grace.email, role: "viewer" };
  expectStatus(201, await api.post(`/organizations/${ada.organizationId}/members`, joining, asAda()));
  grace = await switchedTo(api, grace, ada.organizationId);
  expect(codeOf(await debit(1, asGrace()))).toEqual([403, "FORBIDDEN"]);
  const members = `/workspaces/${workspace}/members`;
  expectStatus(201, await api.post(members, { email: grace.email, role: "member" }, asAda()));
  expect(expectStatus(201, await debit(4, asGrace())).balance).toBe(6);
  expect(codeOf(await debit(7, asGrace()))).toEqual([402, "INSUFFICIENT_CREDITS"]);
  expectStatus(200, await api.put(`${members}/${grace.id}/role`, { role: "viewer" }, asAda()));
  expect(codeOf(await debit(1, asGrace()))).toEqual([403, "FORBIDDEN"]);
  expect(codeOf(await api.delete(`${members}/${ada.id}`, asAda()))).toEqual([409, "LAST_OWNER"]);
});

test("BILL-11: a key counts once without any read model, and names one input", async () => {
  const path = `/workspaces/${workspace}/billing/debits`;
  const keyed = { ...asAda(), headers: { "idempotency-key": "run-42" } };
  const first = await api.post(path, { amount: 1, description: "Enrich" }, keyed);
  const again = await api.post(path, { amount: 1, description: "Enrich" }, keyed);
  expect(again.headers.get("idempotency-hit")).toBe("true");
  expect(expectStatus(201, again)).toEqual(expectStatus(201, first));
  const other = await api.post(path, { amount: 2, description: "Enrich" }, keyed);
  expect(codeOf(other)).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
});

test("ES-07: signing in, rotating and signing out are decided without any read model", async () => {
  const { email, password, refreshToken } = grace;
  expect(codeOf(await api.post("/auth/login", { email, password: "not the one at all" }))[0]).toBe(401);
  expect(expectStatus(200, await api.post("/auth/login", { email, password })).user.id).toBe(grace.id);
  const rotated = expectStatus(200, await api.post("/auth/refresh", { refreshToken }));
  expect((await api.post("/auth/refresh", { refreshToken })).status).toBe(401);
  expectStatus(200, await api.post("/auth/logout", { refreshToken: rotated.refreshToken }, asGrace()));
  expect((await api.post("/auth/refresh", { refreshToken: rotated.refreshToken })).status).toBe(401);
  expect((await debit(1, { token: rotated.accessToken })).status).toBe(401);
});
