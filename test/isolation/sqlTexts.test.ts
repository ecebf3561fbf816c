import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { paramNames, type Route } from "../../src/http/route.ts";
import { inTurn } from "../http/refusals.ts";
import { rowsOf } from "../support/stored.ts";
import { pathWith, queryWith } from "./places.ts";
import { isolationStage, type Stage } from "./stage.ts";

const stack = new AsyncDisposableStack();
let stage: Stage;
beforeAll(async () => {
  stage = await isolationStage(stack);
});
afterAll(() => stack.disposeAsync());

const sqlTexts = [
  "' or '1'='1",
  `" or ""="`,
  "'; drop table read_model.users; --",
  "' union select row_to_json(u)::text from read_model.users u --",
  "'; set local app.org = ''; select pg_sleep(9); --",
  "\\'; select set_config('app.org', '', false) --",
  "$1; $$ begin end $$",
  "*/ or true /*",
  "%27%20or%201=1--",
  "\u02bc or 1=1 --",
  "a\r\nset role everfold_owner;",
];

type Attempt = { route: Route; what: string; path?: string; headers?: Record<string, string>; body?: unknown };

const asId = (text: string) => encodeURIComponent(text);
const inPath = (route: Route, text: string): Attempt[] =>
  paramNames(route.path).map((name) => ({
    route,
    what: `${name} of the path`,
    path: pathWith(route.path, { ...stage.ours.ids, [name]: asId(text) }),
  }));

const inQuery = (route: Route, text: string): Attempt[] =>
  Object.keys(route.query?.shape ?? {}).map((name) => {
    const query = new URLSearchParams(queryWith(route, stage.ours.ids));
    query.set(name, text);
    return { route, what: `${name} of the query`, path: `${pathWith(route.path, stage.ours.ids)}?${query}` };
  });

/** HTTP lets no line end into a header; what else may stand there may hold SQL. */
const inHeaders = (route: Route, text: string): Attempt[] =>
  /^[\x20-\x7e]*$/.test(text)
    ? ["idempotency-key", "if-match", "x-event-position", "x-request-id", "user-agent", "accept-version", "accept"].map(
        (name) => ({ route, what: `the header ${name}`, headers: { [name]: text } }),
      )
    : [];

/** In place of one text after the other of the example, however deep, and in every field that it does not have. */
const inBody = (route: Route, text: string): Attempt[] => {
  if (route.body === null) return [];
  const example = route.example.body ?? {};
  const absent = Object.keys(route.body.shape).filter((name) => !(name in example));
  const bodies = [
    ...replaced(example, text),
    ...absent.map((name): [string, unknown] => [name, { ...example, [name]: text }]),
  ];
  return bodies.map(([at, body]) => ({ route, what: `${at} of the body`, body }));
};

const Texts = z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]);

const replaced = (value: unknown, text: string, at = ""): [string, unknown][] => {
  if (typeof value === "string") return [[at, text]];
  const { data } = Texts.safeParse(value);
  if (data === undefined) return [];
  return Object.entries(data).flatMap(([name, field]) =>
    replaced(field, text, at === "" ? name : `${at}.${name}`).map(([place, changed]): [string, unknown] => [
      place,
      Array.isArray(data) ? data.with(Number(name), changed) : { ...data, [name]: changed },
    ]),
  );
};

/** What would end the session all of this is asked in is asked for nowhere. */
const harmless = (route: Route) => !["LogoutEverywhere", "DeleteWorkspace", "DeleteOrganization"].includes(route.name);

const attemptsWith = (text: string): Attempt[] =>
  stage.routes
    .filter(harmless)
    .flatMap((route) => [inPath, inQuery, inHeaders, inBody].flatMap((place) => place(route, text)))
    .filter(({ route, headers }) => headers === undefined || route.method === "GET");

const ask = ({ route, path, headers = {}, body }: Attempt) => {
  const given = body ?? (route.body === null ? undefined : (route.example.body ?? {}));
  return fetch(`${stage.url}${path ?? `${pathWith(route.path, stage.ours.ids)}${queryWith(route, stage.ours.ids)}`}`, {
    method: route.method,
    headers: {
      authorization: `Bearer ${stage.ours.admin.accessToken}`,
      ...(given === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(given === undefined ? {} : { body: JSON.stringify(given) }),
  });
};

const everything = () =>
  rowsOf(stage.on, "select schemaname, tablename, tableowner from pg_tables where schemaname !~ '^pg_' order by 1, 2");

test.each(sqlTexts)("FND-19 TEN-05: SQL in every text a route takes is a text: %s", async (text) => {
  const attempts = attemptsWith(text);
  expect(attempts.length).toBeGreaterThan(100);
  const tables = await everything();
  const loggedBefore = stage.lines.length;
  const faults = await inTurn(attempts, async (attempt) => {
    const answer = await ask(attempt);
    const shown = await answer.text();
    const title = `${attempt.route.method} ${attempt.route.path} with ${attempt.what}`;
    return [
      ...(answer.status < 500 ? [] : [`${title} is answered ${answer.status}: ${shown}`]),
      ...(shown.includes(stage.theirs.word) ? [`${title} shows what is another's`] : []),
    ];
  });
  expect(faults.flat()).toEqual([]);
  expect(await everything()).toEqual(tables);
  const wrong = stage.lines.slice(loggedBefore).filter((line) => /"level":"(error|fatal)"/.test(line));
  expect(wrong).toEqual([]);
});

test("FND-19: what was left of it all is the other tenant as it was", async () => {
  const { admin, ids, word } = stage.theirs;
  const by = { token: admin.accessToken };
  const workspace = await stage.api.get(`/workspaces/${ids["workspaceId"]}`, by);
  expect(workspace.body.data).toMatchObject({ id: ids["workspaceId"], name: word, role: "owner" });
  expect((await stage.api.get(`/workspaces/${randomUUID()}`, by)).status).toBe(404);
});
