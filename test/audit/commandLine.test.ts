import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newLedger } from "../properties/ledger.ts";
import { type Answer, client, expectStatus, signedIn } from "../support/client.ts";
import { auditedEverfold } from "./auditing.ts";
import { livelyLedger } from "./ledgers.ts";

const stack = new AsyncDisposableStack();
let auditing: Awaited<ReturnType<typeof auditedEverfold>>;
let { directory, started, audit, fileOf } = {} as typeof auditing;
/** A ledger as GET /events gives it: opened, 100 bought, three debits of 20. */
let lines: string[];
let workspace: string;
let debit: (description: string) => Promise<Answer>;
/** One without a seal. */
let unsealed: string;
beforeAll(async () => {
  auditing = await auditedEverfold(stack);
  ({ directory, started, audit, fileOf } = auditing);
  const { everfold } = auditing;
  const api = client(everfold.url);
  const ledger = await newLedger(api, await signedIn(api), 100);
  debit = (description) => ledger.ask("debits", { amount: 20, description });
  for (const description of ["Søk ✓ \u2028\u2029", "Enrich", "Enrich"]) expectStatus(201, await debit(description));
  lines = (await ledger.exportText()).trim().split("\n");
  workspace = ledger.workspace;
  unsealed = await livelyLedger({ handler: everfold.handler, seal: async () => undefined });
});
afterAll(() => stack.disposeAsync());

const verified = async (given: readonly string[], ...options: string[]) =>
  audit("verify", await fileOf(`${given.join("\n")}\n`), ...options);
const exported = async (id: string): Promise<string> => {
  const file = join(directory, `${randomUUID()}.ndjson`);
  expect(await audit("export", "--workspace", id, "--to", file)).toMatchObject({ code: 0 });
  return file;
};

/** The event at this revision with one thing changed. */
const changed = (revision: number, from: string | RegExp, to: string): string[] => {
  const line = (lines[revision] ?? "").replace(from, to);
  if (line === lines[revision]) throw new Error("nothing was changed");
  return lines.with(revision, line);
};

const notSealed = "Seals were not checked, since no --key is given";

describe("npm run audit -- verify", () => {
  test("finds an untouched ledger intact, adds up its balance, and says that a key was not given", async () => {
    const { code, out } = await verified(lines);
    expect(lines).toHaveLength(5);
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(
        new RegExp(`^5 events of ${workspace}, chain intact, balance 40 credits\\.\n${notSealed}: .*cut off.*\n$`),
      ),
    ]);
  });

  test.each<[string, () => string[], number]>([
    ["an amount was changed", () => changed(3, '"amount":20', '"amount":21'), 3],
    ["a byte of a description was changed", () => changed(2, "Søk", "Sök"), 2],
    ["an amount became what no amount is", () => changed(3, '"amount":20', '"amount":"much"'), 3],
    ["a type became unknown", () => changed(4, "CreditsDebited", "CreditsStolen"), 4],
    ["a field was added", () => changed(3, '"data":{', '"data":{"note":"",'), 3],
    ["somebody else is said to have done it", () => changed(3, '"kind":"user"', '"kind":"system"'), 3],
    ["it is said to have happened in another year", () => changed(3, /"occurredAt":"\d{4}/, '"occurredAt":"1999'), 3],
    ["an event was dropped", () => lines.toSpliced(2, 1), 2],
    ["the first event was dropped", () => lines.slice(1), 0],
  ])("reports where the chain is broken when %s", async (_, tamper, brokenAt) => {
    const { code, out, err } = await verified(tamper());
    expect([code, out, err]).toEqual([1, `The chain is broken at revision ${brokenAt}.\n`, ""]);
  });

  test("reads from standard input when the file is called -", async () => {
    const { child, outcome } = started(["verify", "-"]);
    child.stdin?.end(lines.join("\n"));
    expect(await outcome).toMatchObject({ code: 0, out: expect.stringContaining("chain intact") });
  });

  test("takes lines that end as those of Windows do", async () => {
    expect(await verified(lines.map((line) => `${line}\r`))).toMatchObject({ code: 0 });
  });

  test("does not call an empty file intact", async () => {
    expect(await verified([])).toMatchObject({ code: 1, out: "There are no events in it.\n" });
  });

  test("says which line is no event of a ledger", async () => {
    const nonsense = ["{", "[]", "5", '{"revision":"1"}', '{"seal":{}}'];
    for (const line of nonsense)
      expect(await verified(lines.with(4, line))).toEqual({
        code: 1,
        out: "Line 5 is no event of a ledger, and no seal of one.\n",
        err: "",
      });
  });

  test("finds an event without a place in its ledger, although its characters are no text", async () => {
    const half = changed(4, "Enrich", "\\ud800");
    expect(await verified(half)).toMatchObject({ code: 1, out: "The chain is broken at revision 4.\n" });
  });

  test("says that a file, or a key, cannot be read", async () => {
    const nowhere = join(directory, "nowhere.ndjson");
    const file = await fileOf(`${lines.join("\n")}\n`);
    for (const args of [
      ["verify", nowhere],
      ["verify", file, "--key", nowhere],
    ]) {
      const { code, out, err } = await audit(...args);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toMatch(/^.*nowhere\.ndjson cannot be read: .*\n$/);
    }
    expect(await audit("verify", file, "--key", file)).toMatchObject({ code: 2, err: expect.stringContaining("JWK") });
  });
});

describe("npm run audit -- export", () => {
  test("seals a ledger, and its file is verified with the key that is printed, without any backend", async () => {
    const key = await fileOf((await audit("key")).out);
    const file = await exported(workspace);
    const nothing = { EVENTSTORE_URL: "", DATABASE_URL: "", ENCRYPTION_MASTER_KEY: "", DATA_DIR: "/nowhere" };
    for (const given of [key, (await readFile(key, "utf8")).trim()])
      expect(await started(["verify", file, "--key", given], nothing).outcome).toMatchObject({
        code: 0,
        out: expect.stringMatching(/chain intact, balance 40 credits\.\n\d+ seals?, all genuine/),
      });
    expect(
      (await readFile(file, "utf8"))
        .split("\n")
        .slice(0, 5)
        .map((line) => JSON.parse(line)),
    ).toEqual(lines.map((line) => JSON.parse(line)).map(({ position: _, ...event }) => event));
  });

  test("does not seal again what is sealed already", async () => {
    const first = await readFile(await exported(workspace), "utf8");
    expect(await readFile(await exported(workspace), "utf8")).toBe(first);
  });

  test("exports as far as the seals there are go when the master key is not at hand", async () => {
    const without = { ENCRYPTION_MASTER_KEY: Buffer.alloc(32, 8).toString("base64") };
    const key = (await audit("key")).out.trim();
    const exportedWithout = async (id: string) => {
      const { code, out, err } = await started(["export", "--workspace", id], without).outcome;
      expect([code, err]).toEqual([0, expect.stringMatching(/not sealed anew.*master key/s)]);
      return verified(out.trim().split("\n"), "--key", key);
    };
    expect((await exportedWithout(unsealed)).out).toContain("no seals");
    await exported(workspace);
    expectStatus(201, await debit("after the seal"));
    expect(await exportedWithout(workspace)).toMatchObject({ code: 0, out: expect.stringContaining("balance 40") });
  });

  test("writes over no file, and exports no ledger that is not there", async () => {
    const file = await fileOf("mine");
    expect(await audit("export", "--workspace", workspace, "--to", file)).toMatchObject({ code: 2 });
    expect(await readFile(file, "utf8")).toBe("mine");
    expect(await audit("export", "--workspace", randomUUID())).toMatchObject({ code: 2, out: "" });
  });
});

test("npm run audit -- rotate-key has a new key seal, and verify takes the old one and the new one", async () => {
  const before = (await audit("key")).out.trim();
  const first = await exported(workspace);
  const rotated = JSON.parse((await audit("rotate-key")).out);
  expect(rotated.keys.slice(0, -1)).toEqual(JSON.parse(before).keys);
  expectStatus(201, await debit("after the rotation"));
  const second = await exported(workspace);
  const added = JSON.stringify(rotated.keys.at(-1));
  expect(await audit("verify", first, "--key", before)).toMatchObject({ code: 0 });
  expect(await audit("verify", second, "--key", before)).toMatchObject({ code: 1 });
  expect(await audit("verify", second, "--key", before, "--key", added)).toMatchObject({
    code: 0,
    out: expect.stringContaining("by 2 keys, all genuine"),
  });
});

test("npm run audit -- key says what is wrong with another master key", async () => {
  const { code, out, err } = await started(["key"], { ENCRYPTION_MASTER_KEY: "09".repeat(32) }).outcome;
  expect([code, out, err]).toEqual([2, "", expect.stringMatching(/^ENCRYPTION_MASTER_KEY is not the master key.*\n$/)]);
});

test.each(["export", "replay"])("%s says of an id that is none that it is none", async (action) => {
  for (const id of ["growth", "", "9e4b2f60-7c18-4d5a-a3f1"])
    expect(await audit(action, "--workspace", id)).toEqual({
      ...{ code: 2, out: "" },
      err: `${JSON.stringify(id)} is no id of a workspace: a UUID is one.\n`,
    });
});

test.each([
  [[]],
  [["verify"]],
  [["prove", "x"]],
  [["verify", "--all", "x"]],
  [["verify", "x", "y"]],
  [["export"]],
  [["replay", "x"]],
  [["key", "--to", "x"]],
  [["rotate-key", "x"]],
])("%j is answered with how it is used", async (args) => {
  const { code, err } = await audit(...args);
  expect([code, err]).toEqual([2, expect.stringContaining("Usage: npm run audit -- ")]);
});
