import { describe, expect, test } from "vitest";
import { aggregates } from "../src/domain/aggregates.ts";
import {
  bounded,
  eventStoreLayers,
  importDirection,
  noAssertions,
  noComposedSql,
  noCycles,
  noLeftovers,
  packagesAtHome,
  type Rule,
  separateContexts,
  speakingNames,
} from "../tools/architecture.ts";
import { parseSource, readSources } from "../tools/sourceFile.ts";

const root = new URL("..", import.meta.url).pathname;
const source = readSources(root, "src/**/*.ts");
const everything = readSources(root, "{src,test,bench,tools}/**/*.ts", "*.ts");

/** A tree written out: path → text. */
const breaches = (rule: Rule, tree: Record<string, string>) =>
  rule(Object.entries(tree).map(([path, text]) => parseSource(path, text)));

describe("the tree", () => {
  test("every import goes the way the layout allows", () => {
    expect(source.length).toBeGreaterThan(0);
    expect(importDirection(source)).toEqual([]);
  });

  test("contexts of the domain do not know each other", () => {
    expect(separateContexts(source)).toEqual([]);
  });

  test("the embedded event store is layered: storage, streams, protocol, persistent subscriptions", () => {
    expect(eventStoreLayers(source)).toEqual([]);
  });

  test("the store's client, fastify and pg are used at home only, and the core is pure", () => {
    expect(packagesAtHome(source)).toEqual([]);
  });

  test("no import comes back to where it started", () => {
    expect(noCycles(everything)).toEqual([]);
  });

  test("functions, files and lines keep their bounds", () => {
    expect(bounded(everything)).toEqual([]);
  });

  test("FND-19: SQL is put together by the sql tag alone", () => {
    expect(noComposedSql(source)).toEqual([]);
  });

  test("features never tell the compiler a type", () => {
    expect(noAssertions(source)).toEqual([]);
  });

  test("an event's name belongs to one aggregate, a category has no hyphen", () => {
    const names = aggregates.flatMap(({ events }) => Object.keys(events));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const categories = aggregates.map(({ category }) => category);
    expect(new Set(categories).size).toBe(categories.length);
    expect(categories.filter((category) => !/^[a-z_]+$/.test(category))).toEqual([]);
  });

  test("files have names that say what they are for", () => {
    expect(speakingNames(everything)).toEqual([]);
  });

  test("no comment leaves something to do", () => {
    expect(noLeftovers(everything)).toEqual([]);
  });
});

describe("a breach is found", () => {
  test.each([
    ["kernel", "../platform/clock.ts"],
    ["domain/billing", "../../commands/billing.ts"],
    ["commands", "../eventstore/store.ts"],
    ["projections", "../commands/handler.ts"],
    ["http", "../domain/billing/ledger.ts"],
    ["http", "../eventstore/store.ts"],
    ["platform", "../kernel/ids.ts"],
    ["embedded", "../kernel/ids.ts"],
    ["http", "../main.ts"],
    ["http", "../config.ts"],
    ["eventstore", "../../test/support/backends.ts"],
  ])("when src/%s imports %s", (folder, specifier) => {
    const [breach] = breaches(importDirection, { [`src/${folder}/some.ts`]: `import { x } from "${specifier}";` });
    expect(breach).toContain(`src/${folder}/some.ts:1`);
  });

  test.each([
    ["a type", 'import type { X } from "../http/server.ts";'],
    ["a re-export", 'export { x } from "../http/server.ts";'],
    ["a star", 'export * from "../http/server.ts";'],
    ["an import at run time", 'const x = await import("../http/server.ts");'],
  ])("in %s too", (_, text) => {
    expect(breaches(importDirection, { "src/domain/some.ts": text })).toHaveLength(1);
  });

  test("but not in what is allowed", () => {
    const allowed = {
      "src/main.ts": 'import { x } from "./http/server.ts";',
      "src/commands/lanes.ts": 'import type { EventStore } from "../eventstore/store.ts";',
      "src/http/billing.ts": 'import { z } from "zod";\nimport { DebitCredits } from "../commands/billing.ts";',
    };
    expect(breaches(importDirection, allowed)).toEqual([]);
  });

  test("when the event store's storage knows what is built on it", () => {
    const imports = (from: string, to: string) =>
      breaches(eventStoreLayers, {
        [`src/embedded/eventstore/${from}/some.ts`]: `import { x } from "../${to}/other.ts";`,
      });
    expect(imports("storage", "streams")).toHaveLength(1);
    expect(imports("streams", "protocol")).toHaveLength(1);
    expect(imports("protocol", "streams")).toEqual([]);
  });

  test("when one context of the domain imports another", () => {
    const text = 'import { x } from "../access/workspace.ts";';
    expect(breaches(separateContexts, { "src/domain/billing/ledger.ts": text })).toHaveLength(1);
    expect(breaches(separateContexts, { "src/domain/access/members.ts": text })).toEqual([]);
  });

  test.each([
    ["src/commands/handler.ts", "@eventstore/db-client"],
    ["src/platform/clock.ts", "fastify"],
    ["src/commands/billing.ts", "@fastify/cors"],
    ["src/projections/runner.ts", "pg"],
    ["src/domain/billing/ledger.ts", "node:crypto"],
    ["src/kernel/ids.ts", "node:fs"],
  ])("when %s imports %s", (path, specifier) => {
    expect(breaches(packagesAtHome, { [path]: `import x from "${specifier}";` })).toHaveLength(1);
  });

  test("when imports go in a circle, types included", () => {
    const circle = {
      "src/http/a.ts": 'import { b } from "./b.ts";',
      "src/http/b.ts": 'import type { C } from "./c.ts";',
      "src/http/c.ts": 'import { a } from "./a.ts";',
      "src/http/d.ts": 'import { a } from "./a.ts";',
    };
    expect(breaches(noCycles, circle)).toEqual(["src/http/a.ts → src/http/b.ts → src/http/c.ts → src/http/a.ts"]);
  });

  test("when a function, a file or a line is too long", () => {
    const long = `const f = () => {\n${"  step();\n".repeat(70)}};\n`;
    expect(breaches(bounded, { "src/http/a.ts": long })).toEqual(["src/http/a.ts:1 is a function of 72 lines"]);
    expect(breaches(bounded, { "src/http/a.ts": "\n".repeat(400) })).toEqual(["src/http/a.ts has 401 lines"]);
    expect(breaches(bounded, { "src/http/a.ts": `//${"-".repeat(119)}` })).toEqual([
      "src/http/a.ts:1 is 121 characters long",
    ]);
    expect(
      breaches(bounded, { "test/a.test.ts": long.replace("const f =", "describe('all',").replace("};", "});") }),
    ).toEqual([]);
  });

  test.each([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a program, not a template
    "query(`select * from users where email = '${email}'`);",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a program, not a template
    "query(`drop schema ${name}`);",
    'query("delete from users where id = " + id);',
  ])("FND-19: when SQL is put together by hand: %s", (text) => {
    expect(breaches(noComposedSql, { "src/projections/users.ts": text })).toHaveLength(1);
  });

  test("FND-19: but not in the sql tag, of constants, or in a sentence", () => {
    const allowed = [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a program, not a template
      "const columns = 'id, name'; const all = `select ${columns} from users`; prepare(`${all} order by id`);",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a program, not a template
      "sql`select * from users where id = ${id}`;",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a program, not a template
      "log(`could not update ${name}: choose another`);",
    ].join("\n");
    expect(breaches(noComposedSql, { "src/projections/users.ts": allowed })).toEqual([]);
  });

  test("when a feature tells the compiler a type, and not in the kernel, nor for a constant", () => {
    const text = "const one = { a: 1 } as const;\nconst two = one as Two;";
    expect(breaches(noAssertions, { "src/commands/a.ts": text })).toEqual([
      "src/commands/a.ts:2 tells the compiler a type",
    ]);
    expect(breaches(noAssertions, { "src/kernel/a.ts": text })).toEqual([]);
  });

  test("when a file's name or a comment says nothing", () => {
    expect(breaches(speakingNames, { "src/http/utils.ts": "" })).toHaveLength(1);
    expect(breaches(noLeftovers, { "src/http/a.ts": `// ${"TO"}DO: later` })).toHaveLength(1);
  });
});
