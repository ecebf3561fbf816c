import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { folder } from "./stores.ts";

const stack = new AsyncDisposableStack();
let directory: string;
beforeAll(async () => {
  directory = await folder(stack);
});
afterAll(() => stack.disposeAsync());

const run = async (name: "Export" | "Import", ...args: string[]) => {
  const entry = fileURLToPath(new URL(`../../../src/eventstore${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [entry, ...args], { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      output += text;
    });
  const [code] = await once(child, "close");
  return { code, output };
};

describe("the command lines", () => {
  test.each([
    ["Export", []],
    ["Export", ["--from", "events.ndjson"]],
    ["Import", ["--to", "esdb://127.0.0.1:2113?tls=false"]],
    ["Import", ["events.ndjson"]],
    ["Import", ["--from", "events.ndjson", "--force"]],
  ] as const)("%s %j are answered with how it is used", async (name, args) => {
    const { code, output } = await run(name, ...args);
    expect(output).toMatch(new RegExp(`^Usage: npm run eventstore:${name.toLowerCase()} -- `));
    expect(code).toBe(2);
  });

  test("copy no file to a file", async () => {
    await writeFile(join(directory, "a.ndjson"), "");
    expect(await run("Import", "--from", "a.ndjson", "--to", "b.ndjson")).toEqual({
      code: 1,
      output: "Both are files: one side is the URL of an event store.\n",
    });
  });

  test("name a file that is not there", async () => {
    const { code, output } = await run("Import", "--from", "none.ndjson", "--to", "esdb://127.0.0.1:1?tls=false");
    expect({ code, output }).toEqual({ code: 1, output: "none.ndjson is not there.\n" });
  });

  test("never tell the password of a store that does not answer", async () => {
    const url = "esdb://admin:secret@127.0.0.1:1?tls=false";
    const { code, output } = await run("Export", "--from", url, "--to", "events.ndjson");
    expect(output).toContain("esdb://127.0.0.1:1 cannot be reached");
    expect(output).not.toContain("secret");
    expect(code).toBe(1);
  });

  test("save the embedded store's events although its Postgres cannot be started", async () => {
    await mkdir(join(directory, ".data"));
    await writeFile(join(directory, ".data", "postgres"), "no folder");
    const { code, output } = await run("Export", "--to", "saved.ndjson");
    expect(output).toContain("saved.ndjson holds all 0 events of 0 streams");
    expect(code).toBe(0);
  });
});
