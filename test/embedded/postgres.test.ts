import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { closedFolder } from "../../src/embedded/postgres/serverUser.ts";
import { startPostgres } from "../../src/embedded/postgres.ts";
import { DatabaseUnavailable, openPool, query } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";

const isRoot = process.getuid?.() === 0;

const folder = async (mode = 0o711): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), "everfold-test-embedded-"));
  await chmod(path, mode);
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
};

const started = async (directory: string, port?: number) => {
  const postgres = await startPostgres({ directory, ...(port === undefined ? {} : { port }) });
  onTestFinished(() => postgres.stop());
  return postgres;
};

const ask = async (url: string, statement: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(statement).finally(() => client.end());
  return rows;
};

const postmasterOf = async (directory: string): Promise<number> =>
  Number((await readFile(join(directory, "data/postmaster.pid"), "utf8")).split("\n")[0]);

/** Another process with an embedded Postgres, in a process group of its own, and what it prints. */
const host = (directory: string, ids: { uid?: number; gid?: number } = {}) => {
  const program = join(import.meta.dirname, "postgresHost.ts");
  const child: ChildProcess = spawn(process.execPath, [program, directory], {
    ...ids,
    cwd: "/",
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (!child.stdout) throw new Error("its output was to be piped");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, "exit");
  const end = async (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, signal);
    await ended;
  };
  onTestFinished(() => end("SIGINT"));
  return { nextLine: async () => String((await lines.next()).value), end };
};

describe("a server", () => {
  test("is UTF-8, durable, on the loopback interface alone, and finds its data again", async () => {
    const directory = await folder();
    const first = await started(directory);
    const settings = await ask(
      first.url,
      "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'listen_addresses', " +
        "'server_encoding', 'unix_socket_directories') order by name",
    );
    expect(settings).toEqual([
      { name: "fsync", setting: "on" },
      { name: "listen_addresses", setting: "127.0.0.1" },
      { name: "server_encoding", setting: "UTF8" },
      { name: "synchronous_commit", setting: "on" },
      { name: "unix_socket_directories", setting: "" },
    ]);
    await ask(first.url, "create table kept as select 'ünïcødé' as word");
    await first.stop();
    await first.stop();
    const second = await started(directory);
    expect(await ask(second.url, "select word from kept")).toEqual([{ word: "ünïcødé" }]);
  });

  test("asks for its password, which lies beside the data for its owner alone", async () => {
    const directory = await folder();
    const { url } = await started(directory);
    const wrong = Object.assign(new URL(url), { password: "wrong" }).href;
    await expect(ask(wrong, "select 1")).rejects.toMatchObject({ code: "28P01" });
    expect((await stat(join(directory, "password"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, "data"))).mode & 0o777).toBe(0o700);
  });

  test("leaves our signals to us", async () => {
    const signals = ["SIGINT", "SIGTERM", "SIGHUP", "beforeExit"];
    const before = signals.map((signal) => process.listenerCount(signal));
    await started(await folder());
    expect(signals.map((signal) => process.listenerCount(signal))).toEqual(before);
  });

  test("comes back on the same port when it is killed, and so do the pools that use it", async () => {
    const directory = await folder();
    const { url } = await started(directory);
    await ask(
      url,
      "create role everfold_api; create table kept as select 1 as n; grant select on kept to everfold_api",
    );
    const errors: Error[] = [];
    const pool = openPool({
      url,
      role: "everfold_api",
      max: 2,
      idleTimeoutMs: 60_000,
      statementTimeoutMs: 60_000,
      onError: (error) => errors.push(error),
    });
    onTestFinished(() => pool.end());
    const interrupted = expect(query(pool, sql`select pg_sleep(60)`)).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect
      .poll(() => ask(url, "select from pg_stat_activity where query like 'select pg_sleep%'"))
      .toHaveLength(1);
    process.kill(await postmasterOf(directory), "SIGKILL");
    await interrupted;
    const recovered = () =>
      query(pool, sql`select n from kept`).catch((error: unknown) => {
        expect(error).toBeInstanceOf(DatabaseUnavailable);
      });
    await expect.poll(recovered, { timeout: 30_000 }).toEqual([{ n: 1 }]);
  });
});

describe("starting", () => {
  test("stops a server that outlived the process it belonged to", async () => {
    const directory = await folder();
    const former = host(directory);
    await ask(await former.nextLine(), "create table kept as select 1 as n");
    const orphan = await postmasterOf(directory);
    await former.end("SIGKILL");
    process.kill(orphan, 0);
    const { url } = await started(directory);
    expect(await ask(url, "select n from kept")).toEqual([{ n: 1 }]);
    expect(await postmasterOf(directory)).not.toBe(orphan);
  });

  test("goes through a crash: everything killed at once loses nothing that was committed", async () => {
    const directory = await folder();
    const former = host(directory);
    await ask(await former.nextLine(), "create table kept as select 1 as n");
    process.kill(await postmasterOf(directory), "SIGKILL");
    await former.end("SIGKILL");
    const { url } = await started(directory);
    expect(await ask(url, "select n from kept")).toEqual([{ n: 1 }]);
  });

  test("leaves alone the process that has the id of a server long gone", async () => {
    // Where only root may enter, root's server has root's rights, and could not tell us from another server.
    const directory = await folder(0o700);
    await (await started(directory)).stop();
    const bystander = spawn("sleep", ["600"]);
    onTestFinished(() => void bystander.kill());
    await writeFile(join(directory, "data/postmaster.pid"), `${bystander.pid}\n${directory}/data\n`);
    const { url } = await started(directory);
    expect(await ask(url, "select 1 as n")).toEqual([{ n: 1 }]);
    expect(bystander.signalCode).toBeNull();
  });

  test("begins again where making the data was cut off", async () => {
    const directory = await folder();
    await mkdir(join(directory, "data.unfinished/base"), { recursive: true });
    await writeFile(join(directory, "password"), "of the first try");
    const { url } = await started(directory);
    expect(await ask(url, "select 1 as n")).toEqual([{ n: 1 }]);
  });

  test("takes the port it is given, and says so when that one is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await expect(startPostgres({ directory: await folder(), port })).rejects.toThrow(/Address already in use/);
  });
});

test("Ctrl-C reaches the program, which stops its server when it no longer needs it", async () => {
  const directory = await folder();
  const program = host(directory);
  const url = await program.nextLine();
  const answer = program.nextLine();
  await program.end("SIGINT");
  expect(await answer).toBe("still answering");
  await expect(ask(url, "select 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

describe("a folder that cannot be used", () => {
  const advice = /The embedded Postgres cannot use .*Set DATA_DIR to .* or set DATABASE_URL/;

  test("because it is a file", async () => {
    const file = join(await folder(), "file");
    await writeFile(file, "");
    await expect(startPostgres({ directory: file })).rejects.toThrow(advice);
  });

  test("because another version of Postgres made it", async () => {
    const directory = await folder();
    await (await started(directory)).stop();
    await writeFile(join(directory, "data/PG_VERSION"), "9\n");
    const starting = startPostgres({ directory });
    await expect(starting).rejects.toThrow(advice);
    await expect(starting).rejects.toThrow(/initialized by PostgreSQL version 9.*not compatible/);
  });

  test.runIf(isRoot)("because root's Postgres may not pass a folder above: the folder is named", async () => {
    const above = await folder();
    const directory = join(above, "postgres");
    await (await started(directory)).stop();
    await chmod(above, 0o700);
    const starting = startPostgres({ directory });
    await expect(starting).rejects.toThrow(advice);
    await expect(starting).rejects.toThrow(`may not enter ${above}`);
  });
});

const hasNamespaces = spawnSync("unshare", ["--user", "--map-user=65534", "true"]).status === 0;

test.runIf(isRoot && hasNamespaces)("root has a server also where nobody but root may enter", async () => {
  const directory = await folder(0o700);
  const first = await started(directory);
  await ask(first.url, "create table kept as select 1 as n");
  await first.stop();
  const { url } = await started(directory);
  expect(await ask(url, "select n from kept")).toEqual([{ n: 1 }]);
});

const nobody = { uid: 65534, gid: 65534 };
const canBeNobody = isRoot && !(await closedFolder(nobody, [process.execPath, import.meta.filename]));

describe.runIf(canBeNobody)("an ordinary user", () => {
  test("runs a server in a folder of their own", async () => {
    const directory = await folder(0o700);
    await chown(directory, nobody.uid, nobody.gid);
    const program = host(directory, nobody);
    expect(await ask(await program.nextLine(), "select 1 as n")).toEqual([{ n: 1 }]);
    await program.end("SIGINT");
  });

  test("is told why a folder of somebody else's is of no use", async () => {
    const program = host(join(await folder(0o755), "postgres"), nobody);
    expect(await program.nextLine()).toMatch(/EACCES: permission denied.*Set DATA_DIR/);
  });

  test("does not touch data that root made", async () => {
    const directory = await folder();
    await (await started(directory)).stop();
    const program = host(directory, nobody);
    expect(await program.nextLine()).toMatch(/permission denied.*Set DATA_DIR/i);
    const { url } = await started(directory);
    expect(await ask(url, "select 1 as n")).toEqual([{ n: 1 }]);
  });
});
