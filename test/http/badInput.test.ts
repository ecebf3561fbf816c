import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Route } from "../../src/http/route.ts";
import { expectStatus } from "../support/client.ts";
import { rowsOf } from "../support/stored.ts";
import { type Attempt, answerTo, expectRefused, inTurn, type Owned, ownedWorkspace } from "./refusals.ts";

const stack = new AsyncDisposableStack();
let owned: Owned;
beforeAll(async () => {
  owned = await ownedWorkspace(stack);
});
afterAll(() => stack.disposeAsync());

const Field = z.looseObject({
  type: z.enum(["string", "integer", "boolean", "array", "object"]),
  isNullable: z.boolean().default(false),
  maxLength: z.int().optional(),
  format: z.string().optional(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().default(0),
  exclusiveMinimum: z.number().optional(),
});
type Field = z.output<typeof Field> & { route: Route; name: string; isRequired: boolean };

const Union = z.object({ anyOf: z.array(z.looseObject({ type: z.string() })) });

/** What may also be null is what it is besides; any other union here is one of objects. */
const fieldIn = (schema: unknown): z.output<typeof Field> => {
  const variants = Union.safeParse(schema).data?.anyOf.filter(({ type }) => type !== "null");
  if (variants?.length === 1) return Field.parse({ ...variants[0], isNullable: true });
  return Field.parse({ type: "object", ...Object(schema) });
};

const withBody = () => owned.routes.filter(({ body }) => body !== null);
const commands = () => owned.routes.filter(({ method }) => method !== "GET");
const fields = (type?: string): Field[] =>
  withBody().flatMap((route) => {
    const { properties = {}, required = [] } = z.toJSONSchema(route.body ?? z.object(), { io: "input" });
    return Object.entries(properties)
      .map(([name, field]) => ({ ...fieldIn(field), route, name, isRequired: required.includes(name) }))
      .filter((field) => type === undefined || field.type === type);
  });
/** Signing out takes any text, and is what the other attempts must not be. */
const texts = () => fields("string").filter(({ route }) => route.name !== "Logout");

/** The route's own example, with `json` in place of one field. */
const bodyWith = ({ example }: Route, name: string, json: string): string =>
  JSON.stringify({ ...example.body, [name]: "@" }).replace(
    `${JSON.stringify(name)}:"@"`,
    () => `${JSON.stringify(name)}:${json}`,
  );
const inField = ({ route, name }: Field, json: string): Attempt => ({
  route,
  wrong: `${name} is ${json.slice(0, 40)}`,
  body: bodyWith(route, name, json),
});
const asBody =
  (body: string) =>
  (route: Route): Attempt => ({ route, wrong: `body ${body.slice(0, 40)}`, body });

const invalid = "400 VALIDATION_ERROR";
const malformed = "400 MALFORMED_JSON";

describe("a body", () => {
  test("FND-06: that is not JSON is refused", async () => {
    const texts = [
      "{",
      "}",
      '{"amount":',
      "{'amount':1}",
      "nothing",
      '"',
      '{"a":1,}',
      "[1",
      "NaN",
      "\u{feff}{",
      "\xff",
      "{}{}",
    ];
    await expectRefused(
      owned,
      commands().flatMap((route) => texts.map((text) => asBody(text)(route))),
      malformed,
    );
  });

  test("FND-10: that is not an object is refused", async () => {
    const texts = ["[]", "[{}]", "5", "true", '"text"', '""'];
    await expectRefused(
      owned,
      commands().flatMap((route) => texts.map((text) => asBody(text)(route))),
      invalid,
    );
    await expectRefused(owned, withBody().map(asBody("null")), invalid);
    const asked = new Set(fields().flatMap(({ route, isRequired }) => (isRequired ? [route] : [])));
    await expectRefused(
      owned,
      [...asked].map((route) => ({ route, wrong: "no body" })),
      invalid,
    );
  });

  test("FND-10: with a field nobody knows is refused", async () => {
    const names = ["unknown", "workspaceId", "id", "toString", ""];
    const attempts = commands().flatMap((route) =>
      names.map((name) => ({ route, wrong: name, body: bodyWith(route, name, "1") })),
    );
    await expectRefused(owned, attempts, invalid);
  });

  test("SEC-01: with a key that reaches a prototype is refused, wherever it stands", async () => {
    const keys = ["__proto__", "constructor", "prototype"];
    const attempts = commands().flatMap((route) =>
      keys.flatMap((key) => [
        {
          route,
          wrong: key,
          body: JSON.stringify(route.example.body ?? {})
            .replace("{", `{"${key}":{"role":"owner"},`)
            .replace(",}", "}"),
        },
        { route, wrong: `${key} within`, body: bodyWith(route, "name", `[{"${key}":1}]`) },
      ]),
    );
    await expectRefused(owned, attempts, invalid);
  });

  test("FND-18: that is nested too deeply, or larger than the limit, is refused", async () => {
    const depths = [40, 5_000, 100_000];
    const nested = depths.flatMap((depth) => [
      `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`,
      `${"[".repeat(depth)}${"]".repeat(depth)}`,
    ]);
    await expectRefused(
      owned,
      withBody().flatMap((route) => nested.map((body) => asBody(body)(route))),
      invalid,
      malformed,
    );
    const announced = { "content-length": "1048577" };
    await expectRefused(
      owned,
      commands().map((route) => ({ route, wrong: "1 MiB and a byte", headers: announced })),
      "413 BODY_TOO_LARGE",
    );

    const chunked = new Blob(["x".repeat(1_048_577)]).stream();
    const answer = await fetch(`${owned.url}/api/v1/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: chunked,
      duplex: "half",
    });
    expect(answer.status).toBe(413);
  });

  test("FND-06: that is of another type than JSON is refused", async () => {
    const types = [
      "text/plain",
      "application/xml",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "json",
      "application/jsonp",
    ];
    const attempts = commands().flatMap((route) =>
      types.map((type) => ({
        route,
        wrong: type,
        headers: { "content-type": type },
        body: JSON.stringify(route.example.body ?? {}),
      })),
    );
    await expectRefused(owned, attempts, "415 UNSUPPORTED_MEDIA_TYPE");
  });
});

describe("a field", () => {
  test("FND-10: of the wrong type, or missing, is refused", async () => {
    const wrong = {
      string: ["null", "5", "true", "[]", "{}"],
      integer: ["null", '"5"', "true", "[]", "{}"],
      boolean: ["null", '"true"', "1", "[]", "{}"],
      array: ["null", "5", '"text"', "true", "{}"],
      object: ["null", "5", '"text"', "true", "[]", "{}"],
    };
    await expectRefused(
      owned,
      fields().flatMap((field) =>
        wrong[field.type].filter((json) => !(field.isNullable && json === "null")).map((json) => inField(field, json)),
      ),
      invalid,
    );
    const missing = fields()
      .filter(({ isRequired }) => isRequired)
      .map(({ route, name }) => {
        const { [name]: _, ...rest } = route.example.body ?? {};
        return { route, wrong: `no ${name}`, body: JSON.stringify(rest) };
      });
    await expectRefused(owned, missing, invalid);
  });

  test("BILL-02 BILL-03 BILL-10: that is an amount is whole, from 1 (a threshold from 0) to 2^53 - 1", async () => {
    const amounts = [
      "-9007199254740992",
      "1.5",
      "0.1",
      "1e-7",
      "9007199254740992",
      "9007199254740993",
      "1e308",
      "1e400",
      "-1e400",
    ];
    await expectRefused(
      owned,
      fields("integer").flatMap((field) => amounts.map((json) => inField(field, json))),
      invalid,
    );
    await expectRefused(
      owned,
      // An adjustment alone may lead downwards.
      fields("integer").flatMap((field) => (field.minimum < 0 ? [] : [inField(field, "-1")])),
      invalid,
    );
    await expectRefused(
      owned,
      fields("integer")
        .filter(({ exclusiveMinimum }) => exclusiveMinimum === 0)
        .map((field) => inField(field, "0")),
      invalid,
    );
    const noNumbers = ["NaN", "Infinity", "-Infinity", "0x10", "01", "+1", "1_000", ".5", "1."];
    await expectRefused(
      owned,
      fields("integer").flatMap((field) => noNumbers.map((json) => inField(field, json))),
      malformed,
    );
  });

  test("BILL-02 BILL-10: that would take a balance beyond what is exact is refused", async () => {
    const greatest = String(Number.MAX_SAFE_INTEGER);
    const amountsOf = (path: string) =>
      fields("integer").filter(({ route, name }) => route.path.endsWith(path) && name === "amount");
    await expectRefused(
      owned,
      amountsOf("/billing/credits").map((field) => inField(field, greatest)),
      "422 BALANCE_LIMIT_EXCEEDED",
    );
    await expectRefused(
      owned,
      amountsOf("/auto-recharge").map((field) => inField(field, greatest)),
      "400 RECHARGE_TOO_LARGE",
    );
    await expectRefused(
      owned,
      amountsOf("/billing/debits").map((field) => inField(field, greatest)),
      "402 INSUFFICIENT_CREDITS",
    );
  });

  test("FND-10: that is too long is refused, and every text has a longest length", async () => {
    const bounded = fields("string");
    const isBounded = ({ maxLength, format, enum: words }: Field) => (maxLength ?? format ?? words) !== undefined;
    expect(bounded.filter((field) => !isBounded(field))).toEqual([]);
    const lengths = bounded.flatMap((field) =>
      [(field.maxLength ?? 0) + 1, 900_000].map((length) => inField(field, `"${"x".repeat(length)}"`)),
    );
    await expectRefused(owned, lengths, invalid);
  });

  test("FND-10: with NUL in it is refused, and so is half a character", async () => {
    await expectRefused(
      owned,
      fields("string").flatMap((field) => ['"\\u0000"', '"a\\u0000b"'].map((json) => inField(field, json))),
      invalid,
    );
    const halves = texts().flatMap((field) =>
      ['"half \\ud800"', '"\\udc00 a half"'].map((json) => inField(field, json)),
    );
    // What is only compared is compared, and is wrong.
    await expectRefused(owned, halves, invalid, "401 INVALID_CREDENTIALS", "401 INVALID_REFRESH_TOKEN");
  });
});

test("FND-19: SQL is a text like any other, in every field that takes text", async () => {
  const statement = `'; drop table read_model.users; select pg_sleep(9) --" $1 \\ %s`;
  const tables = () =>
    rowsOf(
      owned.on,
      "select tablename from pg_tables where schemaname in ('read_model', 'vault', 'runtime') order by 1",
    );
  const before = await tables();
  const statuses = await inTurn(
    texts(),
    async (field) => (await answerTo(owned, inField(field, JSON.stringify(statement)))).status,
  );
  expect(new Set(statuses).difference(new Set([200, 201, 400, 401, 404, 409]))).toEqual(new Set());
  expect(await tables()).toEqual(before);

  const { api, workspace } = owned;
  const token = owned.ada.accessToken;
  const named = expectStatus(200, await api.get(`/workspaces/${workspace}`, { token }));
  expect(named.name).toBe(statement);
  const debit = { amount: 1, description: statement, referenceId: statement };
  expectStatus(201, await api.post(`/workspaces/${workspace}/billing/debits`, debit, { token }));
  const [transaction] = expectStatus(200, await api.get(`/workspaces/${workspace}/billing/transactions`, { token }));
  expect(transaction).toMatchObject(debit);
});
