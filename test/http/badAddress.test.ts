import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Route } from "../../src/http/route.ts";
import { answerTo, expectRefused, type Owned, ownedWorkspace, pathOf } from "./refusals.ts";

const stack = new AsyncDisposableStack();
let owned: Owned;
beforeAll(async () => {
  owned = await ownedWorkspace(stack);
});
afterAll(() => stack.disposeAsync());

const invalid = "400 VALIDATION_ERROR";
const exampleBody = ({ example }: Pick<Route, "example">) => (example.body ? JSON.stringify(example.body) : "");

describe("an address", () => {
  test("FND-10: whose ids are no UUIDs is refused", async () => {
    const id = randomUUID();
    const ids = [
      "1",
      "null",
      "not-a-uuid",
      `${id}x`,
      id.slice(1),
      id.replaceAll("-", ""),
      "%00",
      "%27%20or%201%3D1%20--",
      "%F0%9F%97%9D",
      "*",
      "%7B%7D",
      "x".repeat(1_000),
    ];
    const attempts = owned.routes.flatMap((route) =>
      [...route.path.matchAll(/:(\w+)/g)].flatMap(([, name = ""]) =>
        ids.map((bad) => ({
          route,
          wrong: `${name} ${bad}`,
          path: pathOf(owned, route.path, { [name]: bad }),
          body: exampleBody(route),
        })),
      ),
    );
    await expectRefused(owned, attempts, invalid);
  });

  test("FND-06: that no route has is told as such", async () => {
    const paths = [
      "/",
      "/nowhere",
      "/api",
      "/api/v1",
      "/api/v1/",
      "/api/v1/nowhere",
      "/api/v1//workspaces",
      "/API/V1/workspaces",
      `/api/v1/workspaces/${owned.workspace}/nothing`,
      "/api/v1/workspaces%2f",
      "/api/v1/../health/x",
      "/.env",
      "/api/v1/'; drop table",
    ];
    const attempts = paths.flatMap((path) =>
      (["GET", "POST", "DELETE"] as const).map((method) => ({
        route: { method, path },
        wrong: path,
        path: path.replaceAll(" ", "%20"),
        body: method === "POST" ? "{}" : "",
      })),
    );
    await expectRefused(owned, attempts, "404 ROUTE_NOT_FOUND");
  });

  test("FND-06: takes the methods it has, and says which", async () => {
    const paths = [...new Set(owned.routes.map(({ path }) => path))];
    const others = paths.flatMap((path) => {
      const served = owned.routes.filter((route) => route.path === path).map(({ method }) => method);
      return (["GET", "POST", "PUT", "PATCH", "DELETE"] as const)
        .filter((method) => !served.includes(method))
        .map((method) => ({ route: { method, path }, wrong: "method" }));
    });
    await expectRefused(owned, others, "405 METHOD_NOT_ALLOWED");
    const { headers } = await answerTo(owned, {
      route: { method: "PATCH", path: "/api/v1/workspaces/:workspaceId" },
      wrong: "method",
    });
    expect(headers["allow"]).toBe("DELETE, GET, HEAD, PUT");
  });

  test("FND-16: asks for pages from 1 on, of 1 to 100, and for nothing unknown", async () => {
    const reads = owned.routes.filter(({ query }) => query !== null);
    const lists = reads.filter(({ query }) => query !== null && "page" in query.shape);
    expect(lists.length).toBeGreaterThan(3);
    const bad = [
      "page=0",
      "page=-1",
      "page=1.5",
      "page=x",
      "page=",
      "page=NaN",
      "page=1e99",
      "page=99999999",
      "page=1&page=2",
      "page[]=1",
      "limit=0",
      "limit=101",
      "limit=-5",
      "limit=2.5",
      "limit=all",
      "limit=",
      "limit=1;drop table users",
      "page=1' or '1'='1",
      "sort=name",
      "__proto__=1",
    ];
    const asked = (route: Route, query: string) => ({
      route,
      wrong: query,
      path: `${pathOf(owned, route.path)}?${query.replaceAll(" ", "%20")}`,
    });
    await expectRefused(
      owned,
      lists.flatMap((route) => bad.map((query) => asked(route, query))),
      invalid,
    );
    await expectRefused(
      owned,
      reads.map((route) => asked(route, "unknown=1")),
      invalid,
    );
  });
});

describe("a header", () => {
  const taking = (name: string) => owned.routes.filter(({ headers }) => headers !== null && name in headers.shape);
  const given = (name: string, values: string[]) =>
    taking(name).flatMap((route) =>
      values.map((value) => ({
        route,
        wrong: `${name} ${value.slice(0, 40)}`,
        headers: { [name]: value },
        body: exampleBody(route),
      })),
    );

  test("BILL-11: Idempotency-Key has 1 to 255 printable characters", async () => {
    await expectRefused(owned, given("idempotency-key", ["", "k".repeat(256), "clé", "\xff", "tab\tin it"]), invalid);
  });

  test("If-Match is one ETag", async () => {
    await expectRefused(
      owned,
      given("if-match", ["1", '"x"', '"-1"', 'W/"1"', '"1", "2"', "*", '"1.5"', `"${"9".repeat(20)}"`, ""]),
      invalid,
    );
  });

  test("ES-06: X-Event-Position is the position of an answer", async () => {
    await expectRefused(
      owned,
      given("x-event-position", ["x", "-1", "1.5", "9".repeat(20), "0x10", "", "1 or 1=1"]),
      invalid,
    );
  });
});
