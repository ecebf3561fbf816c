import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseCommandLine, UsageError } from "../../../src/embedded/eventstore/commandLine.ts";
import { spawnStore, urlIn } from "./spawnedStore.ts";
import { clientAt, directoryOfTest, type Numbered, numbered, numbersOf } from "./storeUnderTest.ts";

const portTaken = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

describe("the arguments", () => {
  test("ask for port 2113 and a folder of its own when there are none", () => {
    expect(parseCommandLine([])).toEqual({
      port: 2_113,
      directory: ".data/eventstore-alone",
      isInMemory: false,
      access: process.platform === "linux" ? "same-user" : "tls",
    });
  });

  test("say where, who may come in and how long the events live", () => {
    const settings = parseCommandLine(["--port", "0", "--dir", "events", "--memory", "--insecure"]);
    expect(settings).toEqual({ port: 0, directory: "events", isInMemory: true, access: "insecure" });
    expect(parseCommandLine(["--tls"])).toMatchObject({ access: "tls" });
    expect(parseCommandLine(["--same-user"])).toMatchObject({ access: "same-user" });
  });

  test.each([
    [["--prot", "1"]],
    [["--port", "65536"]],
    [["--port", "1e3"]],
    [["--port", ""]],
    [["--dir", ""]],
    [["--dir"]],
    [["--tls", "--insecure"]],
    [["events"]],
  ])("%j are told to be wrong", (args) => {
    expect(() => parseCommandLine(args)).toThrow(UsageError);
  });
});

describe("the program", () => {
  test("says in one line what to connect with, and Ctrl-C stops it in order", async () => {
    const directory = directoryOfTest();
    const args = ["--dir", directory, "--port", "0", "--insecure"];
    const first = spawnStore(args);
    const url = urlIn(await first.ready);
    await clientAt(url).appendToStream("kept", numbered(1));
    first.child.kill("SIGINT");
    // As npm passes on what a terminal has sent to the whole group.
    first.child.kill("SIGINT");
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(first.lines).toEqual([`The event store is ready: ${url}`]);
    expect(first.errors()).toBe("");

    const again = clientAt(urlIn(await spawnStore(args).ready));
    expect(await numbersOf(again.readStream<Numbered>("kept"))).toEqual([1]);
  });

  test("names the file with the connection string where there is a password, and never the password", async () => {
    const directory = directoryOfTest();
    const { child, ready, ended, lines, errors } = spawnStore(["--dir", directory, "--port", "0", "--tls"]);
    const file = join(directory, "tls", "connection-string");
    expect(await ready).toBe(`The event store is ready: what to connect with is in ${file}`);
    expect(statSync(file).mode & 0o077).toBe(0);
    await clientAt(readFileSync(file, "utf8").trim()).appendToStream("sealed", numbered(1));
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(lines.join() + errors()).not.toContain(readFileSync(join(directory, "tls", "password"), "utf8"));
  });

  test("prints how it is used when asked to", async () => {
    const { ended, lines, errors } = spawnStore(["--help"]);
    expect(await ended).toMatchObject({ code: 0 });
    expect(lines[0]).toBe("Usage: npm run eventstore -- [options]");
    expect(errors()).toBe("");
  });

  test("prints it as well for what it does not know, says what that is, and ends with 2", async () => {
    const { ended, errors } = spawnStore(["--prot", "2113"]);
    expect(await ended).toMatchObject({ code: 2 });
    expect(errors()).toMatch(/--prot[\s\S]+Usage: npm run eventstore/);
  });

  test.each([
    {
      obstacle: "its port is taken",
      args: async (directory: string) => ["--dir", directory, "--port", String(await portTaken())],
      says: /^The event store cannot start: Port \d+ on 127\.0\.0\.1 is taken by another program\.\n$/,
    },
    {
      obstacle: "its folder is in use",
      args: async (directory: string) => {
        await spawnStore(["--dir", directory, "--port", "0"]).ready;
        return ["--dir", directory, "--port", "0"];
      },
      says: /^The event store cannot start: \S+events\.db is in use by another event store process\.\n$/,
    },
    {
      obstacle: "its database is damaged",
      args: async (directory: string) => {
        writeFileSync(join(directory, "events.db"), "no database");
        return ["--dir", directory, "--port", "0"];
      },
      says: /^The event store cannot start: \S+events\.db cannot be used: .+\n$/,
    },
    {
      obstacle: "its folder is a file",
      args: async (directory: string) => {
        writeFileSync(join(directory, "file"), "");
        return ["--dir", join(directory, "file"), "--port", "0"];
      },
      says: /^The event store cannot start: \S+file cannot be used: .+\n$/,
    },
  ])("says in one line why it does not start when $obstacle, and ends with 1", async ({ args, says }) => {
    const { ended, lines, errors } = spawnStore(await args(directoryOfTest()));
    expect(await ended).toMatchObject({ code: 1 });
    expect(errors()).toMatch(says);
    expect(lines).toEqual([]);
  });

  test("keeps events in memory when told to, and touches no folder", async () => {
    const cwd = directoryOfTest();
    const { ready } = spawnStore(["--memory", "--port", "0", "--insecure"], { cwd });
    await clientAt(urlIn(await ready)).appendToStream("nowhere", numbered(1));
    expect(existsSync(join(cwd, ".data"))).toBe(false);
  });

  test("takes a folder of its own under the one it is started in when none is named", async () => {
    const cwd = directoryOfTest();
    await spawnStore(["--port", "0"], { cwd }).ready;
    expect(existsSync(join(cwd, ".data", "eventstore-alone", "events.db"))).toBe(true);
  });
});
