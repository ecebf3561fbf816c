import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { canonical } from "../../src/eventstore/chain.ts";
import { versionOf } from "../../src/kernel/decider.ts";

test.each(Object.entries(creditLedger.events))("%s is canonical as its schema leaves it", (type, def) => {
  const file = new URL(`../golden/${type}.v${versionOf(def)}.json`, import.meta.url);
  const data = def.schema.parse(JSON.parse(readFileSync(file, "utf8")));
  expect(JSON.stringify(data)).toBe(canonical(data));
});
