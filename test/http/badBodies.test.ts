import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectRefused, type Owned, ownedWorkspace } from "./refusals.ts";
import { asBody, bodyWith, commandsAmong, fieldsOf, invalid, malformed, withBody } from "./wrongBodies.ts";

const stack = new AsyncDisposableStack();
let owned: Owned;
beforeAll(async () => {
  owned = await ownedWorkspace(stack);
});
afterAll(() => stack.disposeAsync());

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
      commandsAmong(owned.routes).flatMap((route) => texts.map((text) => asBody(text)(route))),
      malformed,
    );
  });

  test("FND-10: that is not an object is refused", async () => {
    const texts = ["[]", "[{}]", "5", "true", '"text"', '""'];
    await expectRefused(
      owned,
      commandsAmong(owned.routes).flatMap((route) => texts.map((text) => asBody(text)(route))),
      invalid,
    );
    await expectRefused(owned, withBody(owned.routes).map(asBody("null")), invalid);
    const asked = new Set(fieldsOf(owned.routes).flatMap(({ route, isRequired }) => (isRequired ? [route] : [])));
    await expectRefused(
      owned,
      [...asked].map((route) => ({ route, wrong: "no body" })),
      invalid,
    );
  });

  test("FND-10: with a field nobody knows is refused", async () => {
    const names = ["unknown", "workspaceId", "id", "toString", ""];
    const attempts = commandsAmong(owned.routes).flatMap((route) =>
      names.map((name) => ({ route, wrong: name, body: bodyWith(route, name, "1") })),
    );
    await expectRefused(owned, attempts, invalid);
  });

  test("SEC-01: with a key that reaches a prototype is refused, wherever it stands", async () => {
    const keys = ["__proto__", "constructor", "prototype"];
    const attempts = commandsAmong(owned.routes).flatMap((route) =>
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
      withBody(owned.routes).flatMap((route) => nested.map((body) => asBody(body)(route))),
      invalid,
      malformed,
    );
    const announced = { "content-length": "1048577" };
    await expectRefused(
      owned,
      commandsAmong(owned.routes).map((route) => ({ route, wrong: "1 MiB and a byte", headers: announced })),
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
    const attempts = commandsAmong(owned.routes).flatMap((route) =>
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
