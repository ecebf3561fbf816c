import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectStatus } from "../support/client.ts";
import { rowsOf } from "../support/stored.ts";
import { answerTo, expectRefused, inTurn, type Owned, ownedWorkspace } from "./refusals.ts";
import { type Field, fieldsOf, inField, invalid, malformed } from "./wrongBodies.ts";

const stack = new AsyncDisposableStack();
let owned: Owned;
beforeAll(async () => {
  owned = await ownedWorkspace(stack);
});
afterAll(() => stack.disposeAsync());

const fields = (type?: string): Field[] => fieldsOf(owned.routes, type);
/** Signing out takes any text, and is what the other attempts must not be. */
const texts = () => fields("string").filter(({ route }) => route.name !== "Logout");

describe("a field", () => {
  test("FND-10: of the wrong type, or missing, is refused", async () => {
    const wrong = {
      string: ["null", "5", "true", "[]", "{}"],
      integer: ["null", '"5"', "true", "[]", "{}"],
      boolean: ["null", '"true"', "1", "[]", "{}"],
      array: ["null", "5", '"text"', "true", "{}"],
      object: ["null", "5", '"text"', "true", "[]", "{}"],
    };
    // A job's payload is any object, an empty one as well.
    const isRight = (field: Field, json: string) =>
      (field.isNullable && json === "null") || (field.name === "payload" && json === "{}");
    await expectRefused(
      owned,
      fields().flatMap((field) =>
        wrong[field.type].filter((json) => !isRight(field, json)).map((json) => inField(field, json)),
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
