import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { paramNames, type Route } from "../../src/http/route.ts";
import { inTurn } from "../http/refusals.ts";
import { fixtures, type Planted, secrets } from "./fixtures.ts";
import { idsInBody, idsInQuery, pathWith, queryWith, someOf, untried, withId } from "./places.ts";
import { isolationStage, ownRead, type Sent, type Stage } from "./stage.ts";

const stack = new AsyncDisposableStack();
let stage: Stage;
beforeAll(async () => {
  stage = await isolationStage(stack);
});
afterAll(() => stack.disposeAsync());

const namesNothingSecret = ({ path }: Route) => !paramNames(path).some((name) => secrets.has(name));
const placed = () => stage.routes.filter((route) => paramNames(route.path).length > 0 && namesNothingSecret(route));
/** Of tenants: what the platform's operators read is no tenant's own, and refused like any role that is too low. */
const reads = () =>
  stage.routes.filter(({ method, permission }) => method === "GET" && !/^(public$|platform:)/.test(permission));

/** Ids that nobody has. */
const nobodys = Object.fromEntries(Object.keys(fixtures).map((name) => [name, randomUUID()]));

/** Which of a tenant's ids and words stand in a text. */
const foundOf = ({ ids, word }: Planted, text: string): string[] =>
  [...Object.values(ids), word].filter((value) => text.includes(value));

test("TEN-10: every id that a route takes has a fixture", () => {
  expect(untried(stage.routes)).toEqual([]);
});

test("TEN-10: a route that names something new is told what it lacks", () => {
  const query = z.object({ gizmoId: z.uuid().optional(), page: z.int() });
  const body = z.object({ part: z.union([z.object({ id: z.uuid() }), z.object({ kind: z.string() })]) });
  const lacking = untried([{ method: "POST", path: "/gadgets/:gadgetId", query, body }]);
  expect(lacking.map((sentence) => sentence.split(":").at(0))).toEqual(Array(3).fill("POST /gadgets/"));
  for (const name of ["gadgetId", "part.id", "gizmoId"])
    expect(lacking.filter((sentence) => sentence.includes(`names ${name}: add to the fixtures of`))).toHaveLength(1);
});

test("a tenant sees everything of its own: what is not shown below is there to be shown", async () => {
  const { theirs } = stage;
  const seen = new Set<string>();
  for (const route of reads()) {
    const { status, text } = await ownRead(stage, route, theirs, queryWith(route, theirs.ids));
    expect([route.name, status]).toEqual([route.name, 200]);
    for (const value of foundOf(theirs, text)) seen.add(value);
  }
  expect(seen).toEqual(new Set([...Object.values(theirs.ids), theirs.word]));
});

test("TEN-10 TEN-11: no list, and no other read of one's own, shows anything of another", async () => {
  for (const route of reads()) {
    const { status, text } = await ownRead(stage, route, stage.ours, queryWith(route, stage.ours.ids));
    expect([route.name, status, foundOf(stage.theirs, text)]).toEqual([route.name, 200, []]);
  }
});

type Attempt = { route: Route; wrong: readonly string[] };

/**
 * Where the caller's own ledger alone is asked about an id: it holds no other's, forgets holds that are settled, and
 * takes whatever id a new budget is put under. What comes of it must not depend on whose id it is.
 */
const decidedInOwnLedger: Readonly<Record<string, number>> = { CaptureHold: 409, ReleaseHold: 409, SetBudget: 200 };
const isInOwnLedger = ({ route, wrong }: Attempt) =>
  Object.hasOwn(decidedInOwnLedger, route.name) && !wrong.includes("workspaceId");

const attempts = (): Attempt[] =>
  placed().flatMap((route) => someOf(paramNames(route.path)).map((wrong) => ({ route, wrong })));

const askedWith = (
  { route, wrong }: Attempt,
  foreign: Readonly<Record<string, string>>,
  token: string,
  requestId: string,
): Promise<Sent> => {
  const { ids } = stage.ours;
  const picked = Object.fromEntries(wrong.map((name) => [name, foreign[name] ?? name]));
  const body = idsInBody(route).reduce((given, at) => withId(given, at, ids[at] ?? at), route.example.body ?? {});
  const { method } = route;
  const query = method === "GET" ? queryWith(route, ids) : "";
  return stage.send(
    method,
    `${pathWith(route.path, { ...ids, ...picked })}${query}`,
    token,
    route.body === null ? undefined : body,
    requestId,
  );
};

const shapeOf = ({ status, headers, text }: Sent) => ({ status, text, headers: [...headers.keys()].toSorted() });

describe.each(["ours", "both"] as const)("a person who acts in one organization (%s)", (who) => {
  const tokenOf = () => (who === "ours" ? stage.ours.admin : stage.both).accessToken;

  test("TEN-09 TEN-10 TEN-11: gets at nothing of another, and cannot tell it from what is not there", async () => {
    expect(attempts().length).toBeGreaterThan(70);
    const written = await stage.writtenBy(async () => {
      const refusable = attempts().filter((attempt) => !isInOwnLedger(attempt));
      const faults = await inTurn(refusable, async (attempt) => {
        const title = `${attempt.route.method} ${attempt.route.path} with their ${attempt.wrong.join(" and ")}`;
        const requestId = randomUUID();
        const answer = await askedWith(attempt, stage.theirs.ids, tokenOf(), requestId);
        const twin = await askedWith(attempt, nobodys, tokenOf(), requestId);
        const isRefused = answer.status === 403 || answer.status === 404;
        const isAlike = JSON.stringify(shapeOf(answer)) === JSON.stringify(shapeOf(twin));
        return [
          ...(isRefused ? [] : [`${title} is answered ${answer.status}: ${answer.text.slice(0, 200)}`]),
          ...(isAlike ? [] : [`${title} tells what is there: ${answer.text} rather than ${twin.text}`]),
          ...foundOf(stage.theirs, answer.text).map((value) => `${title} shows ${value}`),
        ];
      });
      expect(faults.flat()).toEqual([]);
    });
    expect(written).toEqual([]);
  });

  test("TEN-09 TEN-10: learns nothing by another's ids in a query or a body, and changes nothing there", async () => {
    const places = stage.routes.flatMap((route) =>
      (route.method === "GET" ? idsInQuery(route) : idsInBody(route)).map((at) => ({ route, at })),
    );
    expect(places.length).toBeGreaterThan(3);
    const isTheirsToName = ({ route }: { route: Route }) => who === "both" && route.permission.startsWith("account:");
    const written = await stage.writtenBy(async () => {
      for (const place of places.filter((each) => !isTheirsToName(each))) {
        const [asked, twin] = [await named(place, stage.theirs.ids), await named(place, nobodys)];
        expect([place.route.name, place.at, asked.status]).toEqual([place.route.name, place.at, twin.status]);
        expect(foundOf({ ...stage.theirs, ids: {} }, asked.text)).toEqual([]);
        if (asked.status >= 400) expect(asked.text).toBe(twin.text);
      }
    });
    const streams = Object.values(stage.theirs.ids);
    expect(written.filter((event) => streams.some((id) => event.endsWith(id)))).toEqual([]);
  });

  const requestId = randomUUID();
  const named = ({ route, at }: { route: Route; at: string }, foreign: Readonly<Record<string, string>>) => {
    const ids = { ...stage.ours.ids, [at]: foreign[at] ?? at };
    const path = pathWith(route.path, stage.ours.ids);
    return route.method === "GET"
      ? stage.send("GET", `${path}${queryWith(route, ids)}`, tokenOf(), undefined, requestId)
      : stage.send(route.method, path, tokenOf(), withId(route.example.body ?? {}, at, ids[at] ?? at), requestId);
  };
});

/** Lists have it beside their rows, and what nobody counts among them. */
const Continued = z.object({ nextCursor: z.string() });
const nextCursorIn = (answer: object): string => {
  const { meta, data } = z.object({ meta: z.unknown(), data: z.unknown() }).parse(answer);
  return (Continued.safeParse(meta).data ?? Continued.parse(data)).nextCursor;
};

test("TEN-10: another's cursor goes on with nothing of theirs", async () => {
  const continued = reads().filter(({ query }) => query !== null && "cursor" in query.shape);
  expect(continued.length).toBeGreaterThan(0);
  for (const route of continued) {
    const { text } = await ownRead(stage, route, stage.theirs, "?limit=1");
    const cursor = nextCursorIn(JSON.parse(text));
    const asked = await ownRead(stage, route, stage.ours, `?limit=1&cursor=${encodeURIComponent(cursor)}`);
    expect([route.name, foundOf(stage.theirs, asked.text)]).toEqual([route.name, []]);
  }
});

test("TEN-10: what a ledger decides about an id does not depend on whose it is elsewhere", async () => {
  const asked = attempts().filter(isInOwnLedger);
  expect(asked.length).toBe(Object.keys(decidedInOwnLedger).length);
  const theirBudgets = () => ownRead(stage, routeNamed("ListBudgets"), stage.theirs);
  const before = await theirBudgets();
  const token = stage.ours.admin.accessToken;
  const written = await stage.writtenBy(async () => {
    for (const attempt of asked) {
      const { status } = await askedWith(attempt, stage.theirs.ids, token, randomUUID());
      const twin = await askedWith(attempt, nobodys, token, randomUUID());
      const { name } = attempt.route;
      expect([name, status, twin.status]).toEqual([name, decidedInOwnLedger[name], decidedInOwnLedger[name]]);
    }
  });
  const ledger = `credit_ledger-${stage.ours.ids["workspaceId"]}`;
  expect(written).toEqual([`BudgetSet in ${ledger}`, `BudgetSet in ${ledger}`]);
  expect((await theirBudgets()).text).toBe(before.text);
});

const routeNamed = (wanted: string): Route => {
  const route = stage.routes.find(({ name }) => name === wanted);
  if (route === undefined) throw new Error(`there is no route ${wanted}`);
  return route;
};
