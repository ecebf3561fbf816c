import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newLedger } from "./properties/ledger.ts";
import { client, expectStatus, signedIn } from "./support/client.ts";
import { installation } from "./support/everfold.ts";

const stack = new AsyncDisposableStack();
let directory: string;
/** A ledger as exported: opened, 100 bought, recharge configured, three debits of 30, the last with its recharge. */
let lines: string[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "everfold-audit-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const { everfold } = await installation(stack);
  const api = client((await everfold()).url);
  const ledger = await newLedger(api, await signedIn(api), 100);
  expectStatus(200, await ledger.rechargeBelow(20, 50));
  for (const description of ["Søk ✓ \u2028\u2029", "Enrich", "Enrich"])
    expectStatus(201, await ledger.ask("debits", { amount: 30, description }));
  lines = (await ledger.exportText()).trim().split("\n");
});
afterAll(() => stack.disposeAsync());

type Outcome = { code: number; out: string; err: string };
const audit = (...args: string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(process.execPath, ["src/audit.ts", ...args], (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });
const verified = async (given: readonly string[]): Promise<Outcome> => {
  const file = join(directory, `${crypto.randomUUID()}.ndjson`);
  await writeFile(file, `${given.join("\n")}\n`);
  return audit("verify", file);
};

/** The event at this revision with one thing changed. */
const changed = (revision: number, from: string | RegExp, to: string | ((...found: string[]) => string)): string[] => {
  const line = (lines[revision] ?? "").replace(from, (...found) => (typeof to === "string" ? to : to(...found)));
  if (line === lines[revision]) throw new Error("nothing was changed");
  return lines.with(revision, line);
};
const swapped = (one: number, other: number) => lines.with(one, lines[other] ?? "").with(other, lines[one] ?? "");

describe("npm run audit -- verify", () => {
  test("finds an untouched ledger intact, and adds up its balance", async () => {
    const { code, out } = await verified(lines);
    expect(lines).toHaveLength(7);
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^7 events of [0-9a-f-]{36}, chain intact, balance 60 credits\.\n$/),
    ]);
  });

  test.each<[string, () => string[], number]>([
    ["an amount was changed", () => changed(3, '"amount":30', '"amount":31'), 3],
    ["a byte of a description was changed", () => changed(3, "Søk", "Sök"), 3],
    ["an amount became what no amount is", () => changed(3, '"amount":30', '"amount":"much"'), 3],
    ["a type became unknown", () => changed(5, "CreditsDebited", "CreditsStolen"), 5],
    ["a field was added", () => changed(4, '"data":{', '"data":{"note":"",'), 4],
    [
      "an id was changed",
      () => changed(4, /("id":")(.)/, (_, start, first) => `${start}${first === "0" ? "1" : "0"}`),
      4,
    ],
    ["a type was changed", () => changed(6, "CreditsRecharged", "CreditsPurchased"), 6],
    [
      "a link was changed",
      () => changed(2, /("chain":")(.)/, (_, start, first) => `${start}${first === "0" ? "1" : "0"}`),
      2,
    ],
    ["an event was dropped", () => lines.toSpliced(3, 1), 3],
    ["the first event was dropped", () => lines.slice(1), 0],
    ["an event was repeated", () => lines.toSpliced(4, 0, lines[4] ?? ""), 5],
    ["two events were swapped", () => swapped(3, 4), 3],
    [
      "two events were swapped under each other's revisions",
      () => swapped(4, 5).map((line, revision) => line.replace(/"revision":"\d+"/, `"revision":"${revision}"`)),
      4,
    ],
  ])("reports where the chain is broken when %s", async (_, tamper, brokenAt) => {
    const { code, out, err } = await verified(tamper());
    expect([code, out, err]).toEqual([1, `The chain is broken at revision ${brokenAt}.\n`, ""]);
  });

  test("reads from standard input when the file is called -", async () => {
    const outcome = Promise.withResolvers<Outcome>();
    const child = execFile(process.execPath, ["src/audit.ts", "verify", "-"], (error, out, err) =>
      outcome.resolve({ code: Number(error?.code ?? 0), out, err }),
    );
    child.stdin?.end(lines.join("\n"));
    expect(await outcome.promise).toMatchObject({ code: 0, out: expect.stringContaining("chain intact") });
  });

  test("takes no character of a description for the end of a line", async () => {
    expect(lines[3]).toContain("\u2028\u2029");
    expect(await verified(lines)).toMatchObject({ code: 0, out: expect.stringMatching(/^7 events/) });
  });

  test("takes lines that end as those of Windows do", async () => {
    expect(await verified(lines.map((line) => `${line}\r`))).toMatchObject({ code: 0 });
  });

  test("does not call an empty file intact", async () => {
    expect(await verified([])).toMatchObject({ code: 1, out: "There are no events in it.\n" });
  });

  test("says which line is no event of a ledger", async () => {
    const half = changed(4, "Enrich", "\\ud800")[4] ?? "";
    for (const nonsense of ["{", "[]", "5", '{"revision":"1"}', half])
      expect(await verified(lines.with(4, nonsense))).toEqual({
        code: 1,
        out: "Line 5 is no event of a ledger.\n",
        err: "",
      });
  });

  test("says that a file cannot be read", async () => {
    const { code, out, err } = await audit("verify", join(directory, "nowhere.ndjson"));
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^.*nowhere\.ndjson cannot be read: .*\n$/);
  });

  test.each([[[]], [["verify"]], [["prove", "x"]], [["verify", "--all", "x"]]])(
    "%j is answered with how it is used",
    async (args) => {
      const { code, err } = await audit(...args);
      expect([code, err]).toEqual([2, expect.stringContaining("Usage: npm run audit -- verify")]);
    },
  );
});
