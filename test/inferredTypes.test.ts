import { readFile } from "node:fs/promises";
import { expect, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import type { DebitCredits } from "../src/commands/credits/debits.ts";
import type { AddCredits } from "../src/commands/credits/grants.ts";
import type { Transaction } from "../src/commands/credits/transaction.ts";

const textOf = (path: string) => readFile(new URL(`../${path}`, import.meta.url), "utf8");

test("FND-21: what a command is asked and answers has the types of its schemas", () => {
  expectTypeOf<Parameters<typeof DebitCredits.decide>[0]>().toEqualTypeOf<z.output<typeof DebitCredits.input>>();
  expectTypeOf<ReturnType<typeof AddCredits.answer>>().toExtend<z.output<typeof AddCredits.output>>();
  expectTypeOf<ReturnType<typeof DebitCredits.answer>["transaction"]>().toExtend<z.output<typeof Transaction>>();
});

test("FND-21: the type check covers the tests as well and is part of what every change must pass", async () => {
  const { scripts } = JSON.parse(await textOf("package.json"));
  expect([scripts.types, scripts.check]).toEqual(["tsc --noEmit", expect.stringMatching(/(^|&& )npm run types( |$)/)]);
  expect(await textOf(".ci/run")).toMatch(/^npm run check \|\| failures=1$/m);
  expect(JSON.parse(await textOf("tsconfig.json")).include).toEqual(expect.arrayContaining(["src", "test"]));
});
