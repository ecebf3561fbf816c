import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

export type Answer = {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at answers of every shape, and at wrong ones
  body: any;
};
type Options = { token?: string | undefined; headers?: Readonly<Record<string, string>> };

/** Of about two seconds each: read models that are behind for longer do not move any more. */
const ASKED_MAX = 10;

/** Speaks to an Everfold as a frontend would. Paths are relative to `/api/v1`. */
export const client = (url: string) => {
  const send = async (method: string, path: string, body?: unknown, options: Options = {}): Promise<Answer> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson =
      response.headers.get("content-type")?.includes("json") &&
      !response.headers.get("content-type")?.includes("ndjson");
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  /** A read as it is answered, be it with 202. */
  const getOnce = (path: string, options?: Options) => send("GET", path, undefined, options);
  /** What is answered with 202, because the read models are behind, is asked for again. */
  const get = async (path: string, options?: Options): Promise<Answer> => {
    let answer = await getOnce(path, options);
    for (let asked = 1; asked < ASKED_MAX && answer.status === 202; asked += 1) {
      await delay(Number(answer.headers.get("retry-after")) * 1_000);
      answer = await getOnce(path, options);
    }
    return answer;
  };
  return {
    get,
    getOnce,
    post: (path: string, body: unknown, options?: Options) => send("POST", path, body, options),
    put: (path: string, body: unknown, options?: Options) => send("PUT", path, body, options),
    delete: (path: string, options?: Options) => send("DELETE", path, undefined, options),
  };
};
export type Client = ReturnType<typeof client>;

export type SignedIn = {
  id: string;
  email: string;
  password: string;
  organizationId: string;
  accessToken: string;
  refreshToken: string;
};

/** A new account, signed in; a colleague is a viewer of the other's organization, and has it as the active one. */
export const signedIn = async (
  api: Client,
  given: { email?: string; password?: string; name?: string; colleagueOf?: SignedIn } = {},
): Promise<SignedIn> => {
  const { email = `${randomUUID()}@example.com`, password = "correct horse battery", name = "Ada" } = given;
  const registered = expectStatus(201, await api.post("/auth/register", { email, password, name }));
  const { accessToken, refreshToken } = expectStatus(200, await api.post("/auth/login", { email, password }));
  const { id, organizationId } = registered;
  const account = { id, email, password, organizationId, accessToken, refreshToken };
  return given.colleagueOf ? joined(api, account, given.colleagueOf) : account;
};

/** The account in the organization of its colleague, who adds it there as a viewer. */
const joined = async (api: Client, account: SignedIn, colleague: SignedIn): Promise<SignedIn> => {
  const { organizationId } = colleague;
  const member = { email: account.email, role: "viewer" };
  const by = { token: colleague.accessToken };
  expectStatus(201, await api.post(`/organizations/${organizationId}/members`, member, by));
  return switchedTo(api, account, organizationId);
};

/** The same session, active in another organization. */
export const switchedTo = async (api: Client, account: SignedIn, organizationId: string): Promise<SignedIn> => {
  const asked = await api.post("/auth/switch", { organizationId }, { token: account.accessToken });
  return { ...account, organizationId, accessToken: expectStatus(200, asked).accessToken };
};

/** The data of an answer that must have this status; otherwise the answer is the error. */
export const expectStatus = (status: number, answer: Answer) => {
  if (answer.status === status) return answer.body.data;
  throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
};

/** A workspace of the account's personal organization, with credits in it when asked for. */
export const newWorkspace = async (api: Client, owner: SignedIn, credits = 0): Promise<string> => {
  const token = owner.accessToken;
  const { id } = expectStatus(201, await api.post("/workspaces", { name: "Growth" }, { token }));
  if (credits > 0) {
    const purchase = { amount: credits, description: "Invoice 1" };
    expectStatus(201, await api.post(`/workspaces/${id}/billing/credits`, purchase, { token }));
  }
  return id;
};
