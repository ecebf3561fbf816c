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
} from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
/** The same installation through two processes. */
let apis: readonly [Client, Client];
let ada: SignedIn;
let grace: SignedIn;
beforeAll(async () => {
  const { everfold } = await installation(stack);
  const [first, second] = [await everfold(plan), await everfold(plan)];
  apis = [client(first.url), client(second.url)];
  ada = await signedIn(apis[0]);
  grace = await signedIn(apis[0], { colleagueOf: ada });
});
afterAll(() => stack.disposeAsync());

/** More members than anybody has for nothing. */
const plan = { DEFAULT_PLAN: "enterprise" };
const by = ({ accessToken: token }: SignedIn) => ({ token });
const codeOf = ({ status, body }: Answer) => [status, body.error?.code];
const create = (api: Client, name: string) => api.post("/workspaces", { name }, by(ada));
const invite = (workspace: string, email: string, role = "member", asked = ada) =>
  apis[0].post(`/workspaces/${workspace}/members`, { email, role }, by(asked));
const changeRole = (workspace: string, { id }: SignedIn, role: string, asked = ada) =>
  apis[0].put(`/workspaces/${workspace}/members/${id}/role`, { role }, by(asked));
const members = (workspace: string, query = "", asked = ada) =>
  apis[0].get(`/workspaces/${workspace}/members${query}`, by(asked));

describe("slugs", () => {
  test("WS-02: are the name's words, and a second one gets a suffix", async () => {
    const first = expectStatus(201, await create(apis[0], "Café Nº 1!"));
    const second = expectStatus(201, await create(apis[1], "cafe no-1"));
    expect([first.slug, second.slug]).toEqual(["cafe-no-1", `cafe-no-1-${second.id.slice(0, 6)}`]);
  });

  test("WS-02 ES-03: of many workspaces of one name made at once, in two processes, one has it bare", async () => {
    for (let round = 0; round < 5; round += 1) {
      const name = `Team ${randomUUID()}`;
      const made = await Promise.all(Array.from({ length: 6 }, (_, index) => create(apis[index % 2 ? 1 : 0], name)));
      const slugs: string[] = made.map((answer) => expectStatus(201, answer).slug);
      const bare = name.toLowerCase().replace(" ", "-");
      expect(slugs.filter((slug) => slug === bare)).toHaveLength(1);
      expect(slugs.filter((slug) => !slug.startsWith(bare))).toEqual([]);
      expect(new Set(slugs).size).toBe(slugs.length);
    }
  });

  test("WS-02: stay as they are when the workspace gets another name", async () => {
    const { id, slug } = expectStatus(201, await create(apis[0], "Before"));
    const renamed = expectStatus(200, await apis[0].put(`/workspaces/${id}`, { name: "After" }, by(ada)));
    expect([renamed.name, renamed.slug]).toEqual(["After", slug]);
  });
});

describe("members", () => {
  test("WS-05: an address without an account is invited, once, and added when it has one", async () => {
    const workspace = await newWorkspace(apis[0], ada);
    const email = `${randomUUID()}@example.com`;
    const invited = expectStatus(201, await invite(workspace, email, "admin"));
    expect(invited).toMatchObject({ userId: null, workspaceId: workspace, role: "admin", acceptedAt: null });
    expect(codeOf(await invite(workspace, email.toUpperCase()))).toEqual([409, "MEMBER_EXISTS"]);
    expect(expectStatus(200, await members(workspace))).toHaveLength(1);

    const linus = await signedIn(apis[0], { email });
    expect((await apis[0].get(`/workspaces/${workspace}`, by(linus))).status).toBe(404);
    expect(expectStatus(201, await invite(workspace, email))).toMatchObject({ userId: linus.id, role: "member" });
  });

  test("WS-05: who is a member cannot be added again, in whatever role, until removed", async () => {
    const workspace = await newWorkspace(apis[0], ada);
    expectStatus(201, await invite(workspace, grace.email, "viewer"));
    expect(codeOf(await invite(workspace, grace.email, "admin"))).toEqual([409, "MEMBER_EXISTS"]);
    expectStatus(200, await apis[0].delete(`/workspaces/${workspace}/members/${grace.id}`, by(ada)));
    expectStatus(201, await invite(workspace, grace.email, "admin"));
  });

  test("WS-07: an admin manages members, but gives and takes no ownership", async () => {
    const workspace = await newWorkspace(apis[0], ada);
    const linus = await signedIn(apis[0], { colleagueOf: ada });
    expectStatus(201, await invite(workspace, grace.email, "admin"));
    expectStatus(201, await invite(workspace, linus.email, "member", grace));
    const refused = [403, "OWNER_REQUIRED"];
    expect(codeOf(await changeRole(workspace, linus, "owner", grace))).toEqual(refused);
    expect(codeOf(await changeRole(workspace, ada, "viewer", grace))).toEqual(refused);
    expect(codeOf(await apis[0].delete(`/workspaces/${workspace}/members/${ada.id}`, by(grace)))).toEqual(refused);
    expectStatus(200, await changeRole(workspace, linus, "viewer", grace));
    expect(codeOf(await members(workspace, "", linus))).toEqual([403, "FORBIDDEN"]);
  });

  test("WS-15 FND-16: are listed in pages, in the order they came", async () => {
    const workspace = await newWorkspace(apis[0], ada);
    const people = [ada];
    for (let count = 0; count < 4; count += 1) {
      const person = await signedIn(apis[0]);
      people.push(person);
      expectStatus(201, await invite(workspace, person.email));
    }
    const page = async (number: number) => {
      const answer = await members(workspace, `?page=${number}&limit=2`);
      const ids: string[] = expectStatus(200, answer).map(({ userId }: { userId: string }) => userId);
      return { ids, meta: answer.body.meta };
    };
    const ids = people.map(({ id }) => id);
    expect(await page(1)).toEqual({ ids: ids.slice(0, 2), meta: { page: 1, limit: 2, total: 5 } });
    expect(await page(3)).toEqual({ ids: ids.slice(4), meta: { page: 3, limit: 2, total: 5 } });
    expect(await page(4)).toEqual({ ids: [], meta: { page: 4, limit: 2, total: 5 } });
    for (const query of ["?page=0", "?limit=101", "?limit=x", "?page=1.5", "?order=name"])
      expect(codeOf(await members(workspace, query))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("a workspace", () => {
  test("WS-13: is made of a name and found by a UUID, and of nothing else", async () => {
    const bad = [{}, { name: "" }, { name: "x".repeat(101) }, { name: "a\0b" }, { name: 7 }, { name: "x", slug: "x" }];
    for (const body of bad)
      expect(codeOf(await apis[0].post("/workspaces", body, by(ada)))).toEqual([400, "VALIDATION_ERROR"]);
    const workspace = await newWorkspace(apis[0], ada);
    for (const member of [
      { email: "nobody", role: "member" },
      { email: grace.email, role: "boss" },
      { role: "member" },
    ])
      expect((await apis[0].post(`/workspaces/${workspace}/members`, member, by(ada))).status).toBe(400);
    expect(codeOf(await apis[0].get("/workspaces/no-uuid", by(ada)))).toEqual([400, "VALIDATION_ERROR"]);
    expect(codeOf(await changeRole(workspace, { ...grace, id: "no-uuid" }, "member"))).toEqual([
      400,
      "VALIDATION_ERROR",
    ]);
  });

  test("WS-04 R-11: is gone for everybody and everything once deleted", async () => {
    const workspace = await newWorkspace(apis[0], ada, 10);
    expectStatus(201, await invite(workspace, grace.email, "admin"));
    expectStatus(200, await apis[0].delete(`/workspaces/${workspace}`, by(ada)));
    const debit = { amount: 1, description: "Enrich" };
    const answers = await Promise.all([
      apis[0].get(`/workspaces/${workspace}`, by(ada)),
      apis[0].put(`/workspaces/${workspace}`, { name: "Again" }, by(grace)),
      apis[0].post(`/workspaces/${workspace}/billing/debits`, debit, by(grace)),
      apis[0].delete(`/workspaces/${workspace}`, by(ada)),
      members(workspace),
    ]);
    expect(answers.map(codeOf)).toEqual(answers.map(() => [404, "RESOURCE_NOT_FOUND"]));
  });
});
