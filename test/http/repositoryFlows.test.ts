import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Client, client, expectStatus, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
/** The same installation through two processes. */
let apis: readonly [Client, Client];
let ada: SignedIn;
let viewer: SignedIn;
let eve: SignedIn;
beforeAll(async () => {
  const { everfold } = await installation(stack);
  const [first, second] = [await everfold(), await everfold()];
  apis = [client(first.url), client(second.url)];
  ada = await signedIn(apis[0]);
  viewer = await signedIn(apis[0], { colleagueOf: ada });
  eve = await signedIn(apis[0]);
});
afterAll(() => stack.disposeAsync());

const by = ({ accessToken: token }: SignedIn) => ({ token });
/** Somebody else, who knows of what was written. */
const knowing = ({ headers }: Answer, who: SignedIn) => ({
  ...by(who),
  headers: { "x-event-position": headers.get("x-event-position") ?? "" },
});
const codeOf = ({ status, body }: Answer) => [status, body.error?.code];
const repositoriesOf = ({ organizationId }: SignedIn) => `/organizations/${organizationId}/repositories`;
const nameOf = () => `repo-${randomUUID()}`;
const create = (name: string, who = ada, api = apis[0]) => api.post(repositoriesOf(who), { name }, by(who));
const created = async (name = nameOf(), who = ada): Promise<string> => expectStatus(201, await create(name, who)).id;

describe("a repository", () => {
  test("REPO-01: is created, read, listed, changed and deleted", async () => {
    const name = nameOf();
    const made = await create(name);
    const repository = expectStatus(201, made);
    expect([made.headers.get("etag"), repository]).toEqual([
      '"0"',
      {
        ...{ id: expect.any(String), organizationId: ada.organizationId, status: "active", createdBy: ada.id },
        ...{ name, description: null, url: null, defaultBranch: "main", createdAt: expect.any(String) },
      },
    ]);
    const path = `${repositoriesOf(ada)}/${repository.id}`;
    expect(expectStatus(200, await apis[0].get(path, knowing(made, viewer)))).toMatchObject(repository);

    const changes = { name: `${name}-2`, description: "Flows", url: "https://git.example.com/flows" };
    const changed = await apis[0].put(path, changes, by(ada));
    expect(expectStatus(200, changed)).toEqual({ ...repository, ...changes });
    const seen = await apis[0].get(path, by(ada));
    expect([seen.headers.get("etag"), expectStatus(200, seen)]).toEqual(['"1"', expect.objectContaining(changes)]);
    const all = expectStatus(200, await apis[0].get(`${repositoriesOf(ada)}?limit=100`, by(ada)));
    expect(all.map(({ id }: { id: string }) => id)).toContain(repository.id);

    expectStatus(200, await apis[0].delete(path, by(ada)));
    expect(codeOf(await apis[0].get(path, by(ada)))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(codeOf(await apis[0].put(path, changes, by(ada)))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect(expectStatus(200, await apis[0].post(`${path}/restore`, {}, by(ada)))).toMatchObject(changes);
    expect(expectStatus(200, await apis[0].get(path, by(ada)))).toMatchObject(changes);
  });

  test("REPO-02: has a name of lower-case words, and what else is said of it is checked", async () => {
    for (const name of ["", "Big", "a b", "-a", "a-", "a--b", "ä", "a".repeat(101), 7])
      expect(codeOf(await apis[0].post(repositoriesOf(ada), { name }, by(ada)))).toEqual([400, "VALIDATION_ERROR"]);
    for (const more of [{ url: "http://git.example.com" }, { url: "x" }, { description: "" }, { stars: 1 }, { id: 1 }])
      expect((await apis[0].post(repositoriesOf(ada), { name: "a", ...more }, by(ada))).status).toBe(400);
  });

  test("REPO-02: has a name that no other in its organization has, until it is deleted or takes another", async () => {
    const [name, other] = [nameOf(), nameOf()];
    const first = await created(name);
    const second = await created(other);
    expect(codeOf(await create(name))).toEqual([409, "KEY_TAKEN"]);
    const path = (id: string) => `${repositoriesOf(ada)}/${id}`;
    expect(codeOf(await apis[0].put(path(second), { name }, by(ada)))).toEqual([409, "KEY_TAKEN"]);
    expectStatus(201, await create(name, eve));

    expectStatus(200, await apis[0].delete(path(first), by(ada)));
    expectStatus(200, await apis[1].put(path(second), { name }, by(ada)));
    expect(codeOf(await apis[0].post(`${path(first)}/restore`, {}, by(ada)))).toEqual([409, "KEY_TAKEN"]);
    expectStatus(201, await create(other));
    expectStatus(200, await apis[0].put(path(second), { name: nameOf() }, by(ada)));
    expectStatus(200, await apis[0].post(`${path(first)}/restore`, {}, by(ada)));
  });

  test("REPO-02 ES-03: of many of one name made at once, in two processes, there is one", async () => {
    for (let round = 0; round < 5; round += 1) {
      const name = nameOf();
      const made = await Promise.all(
        Array.from({ length: 6 }, (_, index) => create(name, ada, apis[index % 2 ? 1 : 0])),
      );
      expect(made.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409, 409]);
    }
  });

  test("REPO-01: is made once, however often it is asked for with one key", async () => {
    const [name, headers] = [nameOf(), { "idempotency-key": randomUUID() }];
    const ask = () => apis[0].post(repositoriesOf(ada), { name }, { ...by(ada), headers });
    const [first, second] = [await ask(), await ask()];
    expect(expectStatus(201, second)).toEqual(expectStatus(201, first));
    expect(second.headers.get("idempotency-hit")).toBe("true");
  });

  test("REPO-01: is changed by whoever saw its newest state alone; another's new name stays free", async () => {
    const id = await created();
    const [wanted, path] = [nameOf(), `${repositoriesOf(ada)}/${id}`];
    const stale = await apis[0].put(path, { name: wanted }, { ...by(ada), headers: { "if-match": '"7"' } });
    expect(codeOf(stale)).toEqual([412, "REVISION_MISMATCH"]);
    expectStatus(201, await create(wanted));
  });

  test("REPO-03 REPO-04 TEN-11: cannot be reached from another organization, by whatever path", async () => {
    const id = await created();
    for (const path of [`${repositoriesOf(ada)}/${id}`, `${repositoriesOf(eve)}/${id}`])
      for (const attempt of [
        apis[0].get(path, by(eve)),
        apis[0].put(path, { name: nameOf() }, by(eve)),
        apis[0].put(`${path}/status`, { status: "archived" }, by(eve)),
        apis[0].delete(path, by(eve)),
        apis[0].post(`${path}/restore`, {}, by(eve)),
        apis[0].get(`${path}/jobs`, by(eve)),
        apis[0].post(`${path}/jobs`, { type: "index" }, by(eve)),
      ])
        expect(codeOf(await attempt)).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect((await apis[0].get(repositoriesOf(ada), by(eve))).status).toBe(404);
    expect((await apis[0].post(repositoriesOf(ada), { name: nameOf() }, by(eve))).status).toBe(404);
    expectStatus(200, await apis[0].get(`${repositoriesOf(ada)}/${id}`, by(ada)));
  });

  test("REPO-01: is read by viewers, and written by members", async () => {
    const made = await create(nameOf());
    const { id } = expectStatus(201, made);
    expect((await apis[0].get(`${repositoriesOf(ada)}/${id}`, knowing(made, viewer))).status).toBe(200);
    expect(codeOf(await create(nameOf(), viewer))).toEqual([403, "FORBIDDEN"]);
    expect((await apis[0].delete(`${repositoriesOf(ada)}/${id}`, by(viewer))).status).toBe(403);
  });
});

describe("a job", () => {
  test("JOB-01: of a repository is queued, listed and cancelled, once", async () => {
    const repository = await created();
    const jobs = `${repositoriesOf(ada)}/${repository}/jobs`;
    const job = expectStatus(201, await apis[0].post(jobs, { type: "index", payload: { branch: "main" } }, by(ada)));
    expect(job).toMatchObject({ repositoryId: repository, status: "queued", result: null });
    expectStatus(201, await apis[0].post(jobs, { type: "index" }, by(ada)));
    const cancelling = await apis[0].post(`${jobs}/${job.id}/cancel`, {}, by(ada));
    const cancelled = expectStatus(200, cancelling);
    expect(cancelled).toEqual({ ...job, status: "cancelled" });
    expect(expectStatus(200, await apis[0].get(`${jobs}/${job.id}`, knowing(cancelling, viewer)))).toMatchObject(
      cancelled,
    );
    const queued = await apis[0].get(`${jobs}?status=queued`, by(ada));
    expect([expectStatus(200, queued).length, queued.body.meta.total]).toEqual([1, 1]);
  });

  test("JOB-01: has a payload of bounded JSON, and no result that its user sets", async () => {
    const jobs = `${repositoriesOf(ada)}/${await created()}/jobs`;
    const bad = [
      {},
      { type: "No" },
      { type: "a", payload: [] },
      { type: "a", result: {} },
      { type: "a", status: "failed" },
    ];
    for (const body of [...bad, { type: "a", payload: { a: "\0" } }, { type: "a", payload: { a: "x".repeat(20_000) } }])
      expect(codeOf(await apis[0].post(jobs, body, by(ada)))).toEqual([400, "VALIDATION_ERROR"]);
  });

  test("JOB-01: is found below its own repository alone, and not once that is deleted", async () => {
    const [own, other] = [await created(), await created()];
    const path = (repository: string) => `${repositoriesOf(ada)}/${repository}/jobs`;
    const { id } = expectStatus(201, await apis[0].post(path(own), { type: "index" }, by(ada)));
    expect((await apis[0].get(`${path(other)}/${id}`, by(ada))).status).toBe(404);
    expect((await apis[0].post(`${path(other)}/${id}/cancel`, {}, by(ada))).status).toBe(404);
    expectStatus(200, await apis[0].delete(`${repositoriesOf(ada)}/${own}`, by(ada)));
    for (const attempt of [
      apis[0].get(path(own), by(ada)),
      apis[0].get(`${path(own)}/${id}`, by(ada)),
      apis[0].post(path(own), { type: "index" }, by(ada)),
      apis[0].post(`${path(own)}/${id}/cancel`, {}, by(ada)),
    ])
      expect(codeOf(await attempt)).toEqual([404, "RESOURCE_NOT_FOUND"]);
  });
});
