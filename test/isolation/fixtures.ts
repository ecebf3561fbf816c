import { type Client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { planned, plannedKinds } from "../support/planned.ts";

/** What a fixture makes its thing with: an administrator, what was made before, and a word no other tenant has. */
type Making = {
  api: Client;
  admin: SignedIn;
  ids: Readonly<Record<string, string>>;
  word: string;
  /** The data of what the administrator is given for it. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at answers of every shape
  post(path: string, body: object): Promise<any>;
};

const inWorkspace = ({ ids }: Making) => `/workspaces/${ids["workspaceId"]}`;
const inOrganization = ({ ids }: Making) => `/organizations/${ids["organizationId"]}`;

/**
 * One of everything that routes name, by its name in paths, queries and bodies, in the order in which they are made. A
 * route that names something new needs a line here, and is attacked like all others then.
 */
export const fixtures: Readonly<Record<string, (making: Making) => Promise<string>>> = {
  organizationId: async ({ admin }) => admin.organizationId,
  workspaceId: async ({ post, word }) => (await post("/workspaces", { name: word })).id,
  userId: async (making) => {
    const { api, post, word } = making;
    const { id, email } = await signedIn(api, { name: word, email: `${word}@example.com` });
    await post(`${inOrganization(making)}/members`, { email, role: "member" });
    await post(`${inWorkspace(making)}/members`, { email, role: "member" });
    return id;
  },
  invitationId: async (making) => {
    const wanted = { email: `invited-${making.word}@example.com`, role: "viewer" };
    return (await making.post(`${inWorkspace(making)}/members`, wanted)).invitation.id;
  },
  credentialId: async (making) => {
    const stored = { providerName: "openai", name: making.word, key: `sk-${making.word}` };
    return (await making.post(`${inWorkspace(making)}/credentials`, stored)).id;
  },
  apiKeyId: async (making) => {
    const lent = { name: making.word, role: "member", scopes: ["credits:read"] };
    return (await making.post(`${inOrganization(making)}/api-keys`, lent)).id;
  },
  transactionId: async (making) => {
    const billing = `${inWorkspace(making)}/billing`;
    await making.post(`${billing}/credits`, { amount: 1_000, description: making.word });
    const { transaction } = await making.post(`${billing}/debits`, { amount: 10, description: making.word });
    return transaction.id;
  },
  holdId: async (making) => {
    const { hold } = await making.post(`${inWorkspace(making)}/billing/holds`, {
      amount: 100,
      description: making.word,
    });
    return hold.id;
  },
  budgetId: async (making) => {
    const scope = { kind: "member", id: making.ids["userId"] };
    const { budget } = await making.post(`${inWorkspace(making)}/billing/budgets`, {
      scope,
      limit: 500,
      period: "month",
    });
    return budget.id;
  },
  repositoryId: async (making) =>
    (await making.post(`${inOrganization(making)}/repositories`, { name: making.word })).id,
  jobId: async (making) => {
    const ofRepository = `${inOrganization(making)}/repositories/${making.ids["repositoryId"]}`;
    return (await making.post(`${ofRepository}/jobs`, { type: "index", payload: { of: making.word } })).id;
  },
  ...Object.fromEntries(
    plannedKinds.map(({ idName, path }) => [
      idName,
      async (making: Making) => (await making.post(`${inWorkspace(making)}/${path}`, planned(idName, making))).id,
    ]),
  ),
  parentId: async ({ ids }) => String(ids["productId"]),
  after: async ({ ids }) => String(ids["epicId"]),
  before: async ({ ids }) => String(ids["epicId"]),
  assigneeId: async ({ ids }) => String(ids["userId"]),
  toWorkspaceId: async ({ post, word }) => (await post("/workspaces", { name: `${word} too` })).id,
  resourceId: async ({ ids }) => String(ids["workspaceId"]),
  "scope.id": async ({ ids }) => String(ids["userId"]),
};

/** Whoever has such a value may use it, whichever organization they act in: it is a secret, and no tenant's id. */
export const secrets: ReadonlySet<string> = new Set();

export type Planted = { admin: SignedIn; ids: Readonly<Record<string, string>>; word: string };

/** An organization of its own, with one of everything in it and `word` wherever there is room for a text. */
export const plant = async (api: Client, word: string): Promise<Planted> => {
  const account = await signedIn(api, { name: word });
  const by = ({ accessToken }: SignedIn) => ({ token: accessToken });
  const { id: organizationId } = expectStatus(201, await api.post("/organizations", { name: word }, by(account)));
  const switched = await api.post("/auth/switch", { organizationId }, by(account));
  const admin = { ...account, organizationId, accessToken: expectStatus(200, switched).accessToken };
  const post = async (path: string, body: object) => expectStatus(201, await api.post(path, body, by(admin)));
  const ids: Record<string, string> = {};
  for (const [name, make] of Object.entries(fixtures)) ids[name] = await make({ api, admin, ids, word, post });
  return { admin, ids, word };
};
