import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keptMasterKey } from "../../src/platform/masterKey.ts";

describe("the kept master key", () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "everfold-key-"));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  it("is made once, for its owner's eyes only", async () => {
    const folder = join(dataDir, "new");
    const made = await keptMasterKey(folder);
    expect(made).toHaveLength(32);
    expect(await keptMasterKey(folder)).toEqual(made);
    expect((await stat(join(folder, "master.key"))).mode & 0o777).toBe(0o600);
  });

  it("is the same for all who start at once, and leaves no drafts behind", async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => keptMasterKey(dataDir)));
    expect(new Set(keys.map((key) => key.toString("hex"))).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(["master.key"]);
  });

  it("is never replaced when it cannot be read", async () => {
    await writeFile(join(dataDir, "master.key"), "dG9vIHNob3J0");
    await expect(keptMasterKey(dataDir)).rejects.toThrow("does not hold a key of 32 bytes");
  });
});
