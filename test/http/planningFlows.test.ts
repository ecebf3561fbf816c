import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Everfold } from "../../src/main.ts";
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
import { planned, plannedKinds } from "../support/planned.ts";

const stack = new AsyncDisposableStack();
let everfold: Everfold;
let api: Client;
let ada: SignedIn;
let workspace: string;
beforeAll(async () => {
  const started = await (await installation(stack)).everfold();
  everfold = started;
  api = client(started.url);
  ada = await signedIn(api);
  workspace = await newWorkspace(api, ada);
});
afterAll(() => stack.disposeAsync());

type Body = Readonly<Record<string, unknown>>;
const by = ({ accessToken: token }: SignedIn) => ({ token });
const codeOf = ({ status, body }: Answer) => [status, body.error?.code];
const at = (path: string, where = workspace) => `/workspaces/${where}/${path}`;
const post = (path: string, body: Body = {}, where = workspace) => api.post(at(path, where), body, by(ada));
const put = (path: string, body: Body) => api.put(at(path), body, by(ada));
const get = (path: string) => api.get(at(path), by(ada));
const remove = (path: string) => api.delete(at(path), by(ada));
const made = async (path: string, body: Body, where = workspace): Promise<string> =>
  expectStatus(201, await post(path, body, where)).id;
const newProduct = (where = workspace) => made("products", planned("productId", { ids: {} }), where);
const idsOf = (answer: Answer): string[] => expectStatus(200, answer).map(({ id }: { id: string }) => id);
const positionsOf = (answer: Answer): number[] =>
  expectStatus(200, answer).map(({ position }: { position: number }) => position);

/** A whole tree, by the names of paths. */
const newTree = async (): Promise<Readonly<Record<string, string>>> => {
  const ids: Record<string, string> = {};
  for (const { path, idName } of plannedKinds) ids[idName] = await made(path, planned(idName, { ids }));
  return Object.fromEntries(plannedKinds.map(({ path, idName }) => [path, ids[idName] ?? ""]));
};

describe("planning", () => {
  test("PLAN-01 PLAN-02: has ten kinds, each with the same routes", () => {
    const routes = everfold.routes.filter(({ permission }) => permission.startsWith("planning:"));
    const paths = new Map<string, number>();
    for (const { path } of routes) {
      const kind = path.split("/")[5] ?? "";
      paths.set(kind, (paths.get(kind) ?? 0) + 1);
    }
    expect([...paths.values()]).toEqual(Array.from({ length: 10 }, () => 8));
  });

  test("PLAN-01 PLAN-02: each kind is created, read, changed and put into another status", async () => {
    const tree = await newTree();
    expect(Object.keys(tree)).toHaveLength(10);
    for (const { path, resource } of plannedKinds) {
      const id = tree[path] ?? "";
      const one = expectStatus(200, await get(`${path}/${id}`));
      const place = { workspaceId: workspace, organizationId: ada.organizationId, position: expect.any(Number) };
      expect(one).toMatchObject({ id, ...place });
      const fields = Object.fromEntries(Object.keys(resource.fields.shape).map((name) => [name, one[name]]));
      const naming = "title" in fields ? { title: "Another" } : { name: "Another" };
      expect(expectStatus(200, await put(`${path}/${id}`, { ...fields, ...naming }))).toMatchObject(naming);
      const to = resource.statuses[one.status]?.[0] ?? "";
      expect(expectStatus(200, await put(`${path}/${id}/status`, { status: to }))).toMatchObject({ status: to });
      expect(idsOf(await get(`${path}?status=${to}&limit=100`))).toContain(id);
    }
  });

  test("PLAN-01: a status follows only one that leads to it", async () => {
    const id = await newProduct();
    expect(codeOf(await put(`products/${id}/status`, { status: "done" }))).toEqual([409, "STATUS_TRANSITION_REFUSED"]);
    expect(codeOf(await put(`products/${id}/status`, { status: "todo" }))).toEqual([400, "VALIDATION_ERROR"]);
  });

  test("PLAN-05: each kind has rules for its fields", async () => {
    const parentId = await newProduct();
    const bad: readonly (readonly [string, Body])[] = [
      ["products", { name: "x", key: "lower" }],
      ["products", { name: "", key: "ABC" }],
      ["epics", { title: "x", parentId, period: { startsOn: "2026-02-02", endsOn: "2026-02-01" } }],
      ["epics", { title: "x", parentId, priority: "urgent" }],
      ["epics", { title: "x" }],
      ["product-briefs", { title: "x", parentId, goals: "all" }],
      ["user-stories", { title: "x", parentId }],
      ["tasks", { title: "x", parentId, estimateHours: -1 }],
      ["subtasks", { title: "x", parentId: "none" }],
      ["components", { name: "x", parentId, status: "active" }],
    ];
    for (const [path, body] of bad)
      expect([path, ...codeOf(await post(path, body))]).toEqual([path, 400, "VALIDATION_ERROR"]);
  });

  test("PLAN-05: a parent is of a kind that fits, there, and in the same workspace", async () => {
    const elsewhere = await newWorkspace(api, ada);
    const [own, foreign] = [await newProduct(), await newProduct(elsewhere)];
    const epic = await made("epics", { title: "Self-service", parentId: own });
    for (const parentId of [foreign, randomUUID(), epic])
      expect(codeOf(await post("epics", { title: "Other", parentId }))).toEqual([404, "RESOURCE_NOT_FOUND"]);
    expect((await api.get(at(`epics/${epic}`, elsewhere), by(ada))).status).toBe(404);
    expect((await api.delete(at(`epics/${epic}`, elsewhere), by(ada))).status).toBe(404);
    expect((await post(`epics/${epic}/reorder`, { parentId: foreign })).status).toBe(404);
  });

  test("PLAN-05: keys are unique in a workspace, titles below one parent", async () => {
    const [one, other] = [await newProduct(), await newProduct()];
    const key = `K${Date.now() % 10_000_000}`;
    await made("products", { name: "First", key });
    expect(codeOf(await post("products", { name: "Second", key }))).toEqual([409, "KEY_TAKEN"]);
    expectStatus(201, await post("products", { name: "Second", key }, await newWorkspace(api, ada)));
    const epic = await made("epics", { title: "Self-service", parentId: one });
    expect(codeOf(await post("epics", { title: "SELF-service", parentId: one }))).toEqual([409, "KEY_TAKEN"]);
    const second = await made("epics", { title: "Self-service", parentId: other });
    expect(codeOf(await post(`epics/${second}/reorder`, { parentId: one }))).toEqual([409, "KEY_TAKEN"]);
    expectStatus(200, await remove(`epics/${epic}`));
    expect(expectStatus(200, await post(`epics/${second}/reorder`, { parentId: one }))).toMatchObject({
      parentId: one,
    });
  });

  test("PLAN-03: items stand in the order they came, and move between any two", async () => {
    const parentId = await newProduct();
    const [a, b, c, d] = [
      await made("epics", { title: "a", parentId }),
      await made("epics", { title: "b", parentId }),
      await made("epics", { title: "c", parentId }),
      await made("epics", { title: "d", parentId }),
    ];
    const list = () => get(`epics?parentId=${parentId}`);
    expect(idsOf(await list())).toEqual([a, b, c, d]);
    expectStatus(200, await post(`epics/${d}/reorder`, { after: a, before: b }));
    expectStatus(200, await post(`epics/${a}/reorder`, { after: c, before: null }));
    expectStatus(200, await post(`epics/${c}/reorder`, { after: null, before: d }));
    const moved = await list();
    expect([idsOf(moved), positionsOf(moved)]).toEqual([
      [c, d, b, a],
      [0, 1, 2, 3],
    ]);
    expectStatus(200, await remove(`epics/${d}`));
    const left = await list();
    expect([idsOf(left), positionsOf(left)]).toEqual([
      [c, b, a],
      [0, 1, 2],
    ]);
    const other = await made("epics", { title: "e", parentId: await newProduct() });
    expect(codeOf(await post(`epics/${a}/reorder`, { after: other }))).toEqual([422, "NOT_A_SIBLING"]);
    expect(codeOf(await post(`epics/${a}/reorder`, { after: a }))).toEqual([422, "NOT_A_SIBLING"]);
  });

  test("PLAN-04: a deletion takes all below along, at once, and a restoration brings it back", async () => {
    const tree = await newTree();
    const product = `products/${tree["products"]}`;
    const task = `tasks/${tree["tasks"]}`;
    const subtask = `subtasks/${tree["subtasks"]}`;
    expectStatus(200, await remove(task));
    expectStatus(200, await remove(product));
    for (const [path, id] of Object.entries(tree)) {
      expect([path, (await get(`${path}/${id}`)).status]).toEqual([path, 404]);
      expect([path, (await remove(`${path}/${id}`)).status]).toEqual([path, 404]);
    }
    expect(codeOf(await post(`${subtask}/restore`))).toEqual([409, "PARENT_DELETED"]);
    expectStatus(200, await post(`${product}/restore`));
    expect((await get(task)).status).toBe(404);
    expect((await get(subtask)).status).toBe(404);
    expectStatus(200, await post(`${task}/restore`));
    for (const [path, id] of Object.entries(tree))
      expect([path, (await get(`${path}/${id}`)).status]).toEqual([path, 200]);
  });

  test("TEN-11 R-10: nobody from outside reaches any of it, whatever is tried", async () => {
    const tree = await newTree();
    const eve = await signedIn(api);
    for (const [path, id] of Object.entries(tree))
      for (const attempt of [
        api.get(at(path), by(eve)),
        api.get(at(`${path}/${id}`), by(eve)),
        api.delete(at(`${path}/${id}`), by(eve)),
        api.post(at(`${path}/${id}/restore`), {}, by(eve)),
      ])
        expect([path, ...codeOf(await attempt)]).toEqual([path, 404, "RESOURCE_NOT_FOUND"]);
    for (const [path, id] of Object.entries(tree))
      expect([path, (await get(`${path}/${id}`)).status]).toEqual([path, 200]);
  });
});
