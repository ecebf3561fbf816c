import { expect, test } from "vitest";
import { deadCode } from "../../tools/deadCode.ts";
import { parseSource } from "../../tools/sourceFile.ts";

const manifest = { scripts: { start: "node src/main.ts" }, dependencies: {}, devDependencies: {} };

const found = (tree: Record<string, string>, declared: Partial<typeof manifest> = {}) =>
  deadCode(
    Object.entries(tree).map(([path, text]) => parseSource(path, text)),
    { ...manifest, ...declared },
  );

test("an export that no other file uses is found, a type too", () => {
  const tree = {
    "src/main.ts": 'import { used } from "./a.ts";',
    "src/a.ts": "export const used = 1;\nexport const unused = used;\nexport type Unused = string;",
  };
  expect(found(tree)).toEqual([
    "src/a.ts:2 exports unused, which no other file uses",
    "src/a.ts:3 exports Unused, which no other file uses",
  ]);
});

test("a namespace and an import at run time may use everything, a re-export uses what it names", () => {
  const tree = {
    "src/main.ts": 'import * as a from "./a.ts";\nawait import("./b.ts");\nexport { c } from "./c.ts";',
    "src/a.ts": "export const one = 1;",
    "src/b.ts": "export default 2;",
    "src/c.ts": "export const c = 3;",
  };
  expect(found(tree)).toEqual([]);
});

test("a file that nobody imports is found, unless a script, a string or the test runner starts it", () => {
  const tree = {
    "src/main.ts": 'fork(new URL("./child.ts", import.meta.url));',
    "src/child.ts": "",
    "src/lost.ts": "export const lost = 1;",
    "test/some.test.ts": "",
  };
  expect(found(tree)).toEqual(["src/lost.ts is imported by no file"]);
});

test("a package nobody imports is found, and one that is imported without being declared", () => {
  const tree = { "src/main.ts": 'import { z } from "zod";\nimport autocannon from "autocannon";' };
  const declared = {
    dependencies: { zod: "4.0.0", jose: "6.0.0" },
    devDependencies: { autocannon: "9.0.0", "@types/node": "24.0.0" },
  };
  expect(found(tree, declared)).toEqual([
    "src/main.ts:2 imports autocannon, which package.json does not declare for it",
    "package.json declares jose, which no file imports",
  ]);
});
