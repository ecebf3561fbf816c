import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const tenantsMax = 20;
const requestsAtOnce = 200;

const stack = new AsyncDisposableStack();
let api: Client;
let tenants: readonly Tenant[];
beforeAll(async () => {
  const { everfold } = await installation(stack);
  api = client((await everfold({ ROLES: "api,projections", DATABASE_POOL_MAX: "5" })).url);
  tenants = await Promise.all(Array.from({ length: tenantsMax }, (_, number) => tenantNamed(`tenant-${number}-`)));
});
afterAll(() => stack.disposeAsync());

type Tenant = { owner: SignedIn; name: string; workspaceId: string };

const tenantNamed = async (name: string): Promise<Tenant> => {
  const owner = await signedIn(api, { name });
  const by = { token: owner.accessToken };
  const { id: workspaceId } = expectStatus(201, await api.post("/workspaces", { name }, by));
  const purchase = { amount: 100, description: name };
  expectStatus(201, await api.post(`/workspaces/${workspaceId}/billing/credits`, purchase, by));
  return { owner, name, workspaceId };
};

const reads = {
  me: () => "/auth/me",
  workspaces: () => "/workspaces",
  workspace: ({ workspaceId }: Tenant) => `/workspaces/${workspaceId}`,
  members: ({ workspaceId }: Tenant) => `/workspaces/${workspaceId}/members`,
  transactions: ({ workspaceId }: Tenant) => `/workspaces/${workspaceId}/billing/transactions`,
} as const;

const request = fc.record({
  tenant: fc.nat({ max: tenantsMax - 1 }),
  read: fc.constantFrom("me", "workspaces", "workspace", "members", "transactions"),
});
type Asked = { tenant: number; read: keyof typeof reads };

/** Of whom an answer speaks: names, and who they are. */
const spokenOf = (text: string): string[] => [
  ...new Set([
    ...[...text.matchAll(/tenant-\d+-/g)].map(([name]) => name),
    ...tenants.flatMap(({ name, owner, workspaceId }) =>
      [owner.id, owner.organizationId, workspaceId].some((id) => text.includes(id)) ? [name] : [],
    ),
  ]),
];

const answersAreTheirOwn = async (asked: readonly Asked[]): Promise<void> => {
  const spoken = await Promise.all(
    asked.map(async ({ tenant: number, read }) => {
      const tenant = tenants[number];
      if (tenant === undefined) throw new Error(`there is no tenant ${number}`);
      const answer = await api.get(reads[read](tenant), { token: tenant.owner.accessToken });
      return [answer.status, tenant.name, spokenOf(JSON.stringify(answer.body))];
    }),
  );
  expect(spoken).toEqual(asked.map(({ tenant }) => [200, `tenant-${tenant}-`, [`tenant-${tenant}-`]]));
};

test("TEN-06: 200 interleaved requests of 20 tenants over a pool of 5 each show their own tenant alone", async () => {
  const asked = Array.from(
    { length: requestsAtOnce },
    (_, number): Asked => ({
      tenant: number % tenantsMax,
      read: (["transactions", "workspaces", "me", "members", "workspace"] as const)[number % 5] ?? "me",
    }),
  );
  await answersAreTheirOwn(asked);
});

test("TEN-06: requests of any tenants in any order over a pool of 5 each show their own tenant alone", async () => {
  await fc.assert(fc.asyncProperty(fc.array(request, { minLength: 6, maxLength: 30 }), answersAreTheirOwn), {
    numRuns: 100,
  });
});
