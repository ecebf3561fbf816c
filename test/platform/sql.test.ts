import fc from "fast-check";
import { expect, test } from "vitest";
import { identifier, list, sql, textOf } from "../../src/platform/sql.ts";

test("values travel beside the text, in order", () => {
  const statement = sql`select * from t where a = ${1} and b = ${"two"}`;
  expect(textOf(statement)).toBe("select * from t where a = $1 and b = $2");
  expect(statement.values).toEqual([1, "two"]);
});

test("a statement within a statement keeps its values, numbered anew", () => {
  const filter = sql`a = ${1} and b = ${2}`;
  const statement = sql`select ${0} from ${identifier("read_model", "users")} where ${filter} limit ${3}`;
  expect(textOf(statement)).toBe('select $1 from "read_model"."users" where a = $2 and b = $3 limit $4');
  expect(statement.values).toEqual([0, 1, 2, 3]);
});

test("a list separates its pieces by commas", () => {
  const statement = sql`select ${list([sql`a = ${1}`, 2, identifier("c")])}`;
  expect(textOf(statement)).toBe('select a = $1, $2, "c"');
  expect(statement.values).toEqual([1, 2]);
});

test("a statement has one name wherever its values come from, and none if its text varies", () => {
  const byId = (id: number) => sql`select * from t where id = ${id}`;
  expect(byId(1).name).toBe(byId(2).name);
  expect(byId(1).name).not.toBe(sql`select * from t where id = ${1}`.name);
  expect(sql`select * from ${identifier("t")} where id = ${1}`.name).toBeUndefined();
});

test("FND-19: no value becomes text, whatever it is", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (values) => {
      const statement = sql`insert into t values (${list(values)})`;
      expect(textOf(statement)).toBe(`insert into t values (${values.map((_, index) => `$${index + 1}`).join(", ")})`);
      expect(statement.values).toEqual(values);
    }),
  );
});

test.each(["", "Users", 'users"; drop table users', "1st", "a b", "a".repeat(64)])(
  "FND-19: %j is no identifier",
  (name) => {
    expect(() => identifier(name)).toThrow("not a name");
  },
);
