import { once } from "node:events";
import { chmod, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { closedFolder } from "../src/embedded/postgres/serverUser.ts";
import { type Client, client, expectStatus, newWorkspace, type SignedIn, signedIn } from "./support/client.ts";
import { installation } from "./support/everfold.ts";
import {
  dataDirectory,
  type EverfoldProcess,
  everfoldProcess,
  type Started,
  spawnEverfold,
  untilGone,
  whenReady,
} from "./support/process.ts";

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
const canBeNobody = isRoot && !(await closedFolder(nobody, [process.execPath, import.meta.filename]));

const stack = new AsyncDisposableStack();
/** One installation, started and stopped again and again. */
let DATA_DIR: string;
let last: Started | undefined;
/** Its first run, and what that wrote. */
let first: EverfoldProcess;
let ada: SignedIn;
let workspace: string;

beforeAll(async () => {
  DATA_DIR = await dataDirectory(stack);
  first = await startedAgain();
  const api = client(first.url);
  ada = await signedIn(api);
  workspace = await newWorkspace(api, ada, 1000);
});
afterAll(() => stack.disposeAsync());

/** Not beside one that a test left running. */
const spawnedAgain = async (): Promise<Started> => {
  await last?.kill();
  last = spawnEverfold(stack, { DATA_DIR });
  return last;
};
const startedAgain = async () => whenReady(await spawnedAgain());

/** Orders it to stop, and says which of its processes are left when it has. */
const stopped = async (running: Started, ...how: Parameters<Started["stop"]>) => {
  const { pids } = running.tree();
  const { code } = await running.stop(...how);
  await untilGone(pids);
  return { code, left: running.tree().pids };
};
const inOrder = { code: 0, left: [] };

/** Asked with the token of the first run. */
const balanceIn = async (api: Client): Promise<number> =>
  expectStatus(200, await api.get(`/workspaces/${workspace}/billing`, { token: ada.accessToken })).creditBalance;

describe("from its first start on", () => {
  test("prints one human line when it is ready, and JSON besides", () => {
    const isJson = (line: string) => line.startsWith("{") && typeof JSON.parse(line) === "object";
    expect(first.lines.filter((line) => !isJson(line))).toEqual([
      `Everfold is ready: ${first.url} – documentation at ${first.url}/api/v1/docs`,
    ]);
  });

  test("is ready for everything when it says so", async () => {
    const { dependencies } = expectStatus(200, await client(first.url).get("/ready"));
    expect(dependencies.map(({ name, status }: Record<string, string>) => `${name} ${status}`)).toEqual([
      "eventstore up",
      "postgres up",
      "migrations up",
      "projections up",
    ]);
  });

  test("lets no second one on its DATA_DIR, and goes on itself", async () => {
    const { code, errors } = await spawnEverfold(stack, { DATA_DIR }).ended;
    expect(errors).toMatch(/^Everfold cannot start: Everfold already runs on .*another DATA_DIR\.\n$/);
    expect(code).toBe(1);
    expect(await balanceIn(client(first.url))).toBe(1000);
  });

  test("keeps a master key for itself alone, and the same one after the next start with all data", async () => {
    const file = `${DATA_DIR}/master.key`;
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const key = await readFile(file, "utf8");
    expect(await stopped(first)).toEqual(inOrder);
    const second = await startedAgain();
    expect(await readFile(file, "utf8")).toBe(key);
    expect(await balanceIn(client(second.url))).toBe(1000);
    expect(await stopped(second)).toEqual(inOrder);
  });
});

describe("with data of its own, and a master key that is not the one it was written under", () => {
  const refusal = async (settings: Record<string, string> = {}) => {
    await last?.kill();
    last = spawnEverfold(stack, { DATA_DIR, ...settings });
    const { code, errors } = await last.ended;
    expect({ code, left: last.tree().pids }).toEqual({ code: 1, left: [] });
    return errors;
  };

  test("says so instead of parking what it cannot read", async () => {
    const ENCRYPTION_MASTER_KEY = Buffer.alloc(32, 9).toString("base64");
    const errors = await refusal({ ENCRYPTION_MASTER_KEY });
    expect(errors).toMatch(/^Everfold cannot start: ENCRYPTION_MASTER_KEY is not the master key .*\n$/);
    expect(errors).not.toContain(ENCRYPTION_MASTER_KEY);
  });

  test("makes no other one when the file is lost, and goes on when it is put back", async () => {
    const file = `${DATA_DIR}/master.key`;
    await rename(file, `${file}.lost`);
    expect(await refusal()).toMatch(/^Everfold cannot start: .*master\.key is gone\. Put it back.*\n$/);
    await rename(`${file}.lost`, file);
    const running = await startedAgain();
    expect(await balanceIn(client(running.url))).toBe(1000);
    expect(await stopped(running)).toEqual(inOrder);
  });
});

test("never says that it is ready when it is not, tells so where asked, and stops all the same", async () => {
  const { eventStore, database } = await installation(stack);
  const shared = {
    EVENTSTORE_URL: eventStore.url,
    DATABASE_URL: database.url,
    ENCRYPTION_MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
  };
  const before = await everfoldProcess(stack, { DATA_DIR: await dataDirectory(stack), ...shared });
  expect(await stopped(before)).toEqual(inOrder);
  // The projections cannot even read how far they are.
  await withDatabase(database.url, "revoke select on runtime.checkpoints from everfold_projector");

  const broken = spawnEverfold(stack, { DATA_DIR: await dataDirectory(stack), ...shared });
  const listening = () => broken.lines.map((line) => /listening at (http\S+)"/.exec(line)?.[1]).find(Boolean);
  await expect.poll(listening, { timeout: 30_000 }).toBeDefined();
  const { status, body } = await client(listening() ?? "").get("/ready");
  expect(status).toBe(503);
  expect(body.error.details.dependencies).toContainEqual({
    name: "projections",
    status: "down",
    reason: "are catching up",
  });
  expect(await stopped(broken, "SIGINT")).toEqual(inOrder);
  expect(broken.lines.filter((line) => line.includes("Everfold is ready"))).toEqual([]);
});

describe("FND-22: asked to stop", () => {
  test("by Ctrl-C, which all of the terminal's processes hear: nothing is left, idle connections or not", async () => {
    const running = await startedAgain();
    const idle = await open(running.url);
    idle.write("GET /health HTTP/1.1\r\nhost: everfold\r\n\r\n");
    await idle.received("200 OK");
    // Opened ahead of need, as browsers do: nothing has come over it yet.
    await open(running.url);
    expect(await stopped(running, "SIGINT", "group")).toEqual(inOrder);
  });

  test("by SIGTERM while a debit is coming in: it is answered, and there after the next start", async () => {
    const running = await startedAgain();
    const body = JSON.stringify({ amount: 10, description: "Enrich" });
    const debit = await open(running.url);
    debit.write(
      [
        `POST /api/v1/workspaces/${workspace}/billing/debits HTTP/1.1`,
        "host: everfold",
        `authorization: Bearer ${ada.accessToken}`,
        "content-type: application/json",
        `content-length: ${body.length}`,
        "expect: 100-continue",
        "\r\n",
      ].join("\r\n"),
    );
    await debit.received("100 Continue");
    const stopping = stopped(running, "SIGTERM");
    await expect
      .poll(() =>
        fetch(`${running.url}/health`).then(
          ({ status }) => status,
          () => "refused",
        ),
      )
      .toBe("refused");
    debit.write(body);
    await debit.received("201 Created");
    expect(await stopping).toEqual(inOrder);

    const next = await startedAgain();
    expect(await balanceIn(client(next.url))).toBe(990);
    expect(await stopped(next, "SIGINT")).toEqual(inOrder);
  });

  test("while it starts: stops what it has started", async () => {
    const starting = await spawnedAgain();
    await expect.poll(() => starting.tree().eventStore, { timeout: 20_000 }).toBeDefined();
    expect(await stopped(starting, "SIGTERM")).toEqual(inOrder);
  });
});

test("killed alone, it leaves servers behind that the next start gets rid of, and no data is lost", async () => {
  const killed = await startedAgain();
  const balance = await balanceIn(client(killed.url));
  const { pids, postmaster } = killed.tree();
  process.kill(killed.pid, "SIGKILL");
  const next = await startedAgain();
  await untilGone(pids);
  expect(next.tree().postmaster).not.toBe(postmaster);
  expect(await balanceIn(client(next.url))).toBe(balance);
  expect(await stopped(next)).toEqual(inOrder);
});

describe("says what is wrong, ends with 1 and leaves nothing running", () => {
  const refusal = async (settings: Record<string, string>, ids = {}) => {
    const started = spawnEverfold(stack, { DATA_DIR: await dataDirectory(stack), ...settings }, ids);
    const { code, errors } = await started.ended;
    expect({ code, left: started.tree().pids }).toEqual({ code: 1, left: [] });
    expect(started.lines.filter((line) => line.includes("ready"))).toEqual([]);
    return errors;
  };

  test("when the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const errors = await refusal({ DATA_DIR, PORT: String(port) });
    expect(errors).toMatch(new RegExp(`address already in use 127.0.0.1:${port}. Stop what uses it, or set PORT`));
  });

  test("FND-03: when settings are not valid: each is named, none is quoted", async () => {
    const settings = {
      PORT: "seventy",
      DATABASE_URL: "mysql://root:hunter2@db/prod",
      ENCRYPTION_MASTER_KEY: "tooshortforakey",
      ROLES: "api,cook",
      JWT_ACCESS_EXPIRY: "whenever",
    };
    const errors = await refusal(settings);
    for (const [name, value] of Object.entries(settings)) {
      expect(errors).toContain(`  ${name} `);
      expect(errors).not.toContain(value);
    }
    expect(errors).not.toMatch(/hunter2|cook/);
  });

  test("FND-03: in production without a master key", async () => {
    expect(await refusal({ NODE_ENV: "production", BCRYPT_COST: "12" })).toMatch(
      /ENCRYPTION_MASTER_KEY must be given in production/,
    );
  });

  test("when DATA_DIR is a file", async () => {
    const file = await dataDirectory(stack);
    await writeFile(file, "");
    expect(await refusal({ DATA_DIR: file })).toContain(`DATA_DIR cannot be used: ${file} is not a folder`);
  });

  test.runIf(canBeNobody || !isRoot)("when DATA_DIR may not be written to, or not be made", async () => {
    const readOnly = await dataDirectory(stack);
    await mkdir(readOnly, { mode: 0o755 });
    const ids = isRoot ? nobody : {};
    if (!isRoot) await chmod(readOnly, 0o555);
    expect(await refusal({ DATA_DIR: readOnly }, ids)).toMatch(/DATA_DIR cannot be used: .* may not be written to/);
    const within = `${readOnly}/data`;
    expect(await refusal({ DATA_DIR: within }, ids)).toMatch(/DATA_DIR cannot be used: .* may not be written to/);
  });

  test("when one backend cannot be started while the other one is starting", async () => {
    const damaged = await dataDirectory(stack);
    await mkdir(`${damaged}/eventstore`, { recursive: true });
    await writeFile(`${damaged}/eventstore/events.db`, "no database");
    expect(await refusal({ DATA_DIR: damaged })).toMatch(/events.db cannot be used/);
    const occupied = await dataDirectory(stack);
    await mkdir(occupied);
    await writeFile(`${occupied}/postgres`, "no folder");
    expect(await refusal({ DATA_DIR: occupied })).toMatch(/The embedded Postgres cannot use/);
  });

  test("when a backend that a URL names is not there", async () => {
    const DATABASE_URL = "postgres://everfold:secret@127.0.0.1:1/everfold";
    const errors = await refusal({ DATABASE_URL });
    expect(errors).toMatch(/^Everfold cannot start: .*ECONNREFUSED/);
    expect(errors).not.toContain("secret");
  });
});

test("ROLES: an API and a process for projections and reactions do together what one does alone", async () => {
  const { eventStore, database } = await installation(stack);
  const shared = {
    EVENTSTORE_URL: eventStore.url,
    DATABASE_URL: database.url,
    ENCRYPTION_MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
  };
  const apiAlone = await everfoldProcess(stack, { ...shared, ROLES: "api", DATA_DIR: await dataDirectory(stack) });
  const api = client(apiAlone.url);
  ada = await signedIn(api);
  const token = ada.accessToken;
  workspace = await newWorkspace(api, ada, 500);
  const behind = await api.getOnce(`/workspaces/${workspace}/billing`, { token });
  expect(behind.status).toBe(202);

  const others = await everfoldProcess(stack, {
    ...shared,
    ROLES: "projections,reactions",
    DATA_DIR: await dataDirectory(stack),
  });
  expect(others.lines.at(-1)).toBe("Everfold is ready: projections and reactions");
  const billing = () => api.get(`/workspaces/${workspace}/billing`, { token });
  await expect.poll(async () => (await billing()).status, { timeout: 30_000 }).toBe(200);
  expect((await billing()).body.data.creditBalance).toBe(500);

  const secret = { providerName: "openai", key: "sk-1234567890" };
  const { id } = expectStatus(201, await api.post(`/workspaces/${workspace}/credentials`, secret, { token }));
  expectStatus(200, await api.delete(`/workspaces/${workspace}/credentials/${id}`, { token }));
  await expect.poll(() => isKeyDestroyed(database.url, id), { timeout: 30_000 }).toBe(true);
  expect(await stopped(others)).toEqual(inOrder);
  expect(await stopped(apiAlone)).toEqual(inOrder);
});

/** What the reaction to a deleted credential is there for. */
const isKeyDestroyed = async (url: string, subject: string): Promise<boolean> =>
  (await withDatabase(url, "select from vault.subject_keys where subject_id = $1 and destroyed_at is not null", [
    subject,
  ])) === 1;

/** @returns how many rows were found or changed */
const withDatabase = async (url: string, statement: string, values: string[] = []): Promise<number | null> => {
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  const { rowCount } = await database.query(statement, values).finally(() => database.end());
  return rowCount;
};

/** A bare connection: what a client sends and when is up to the test. */
const open = async (url: string) => {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setEncoding("utf8");
  onTestFinished(() => void socket.destroy());
  // The other side may end it in the middle of what is sent.
  socket.on("error", () => undefined);
  let text = "";
  socket.on("data", (part) => {
    text += part;
  });
  await once(socket, "connect");
  return {
    write: (part: string) => void socket.write(part),
    received: (part: string) => expect.poll(() => text, { timeout: 30_000 }).toContain(part),
  };
};
