import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, client, type SignedIn, signedIn } from "../support/client.ts";
import { dataDirectory, type EverfoldProcess, everfoldProcess } from "../support/process.ts";
import { debitLoad, newWallet, reconcile, sendDebit, type Wallet } from "./debits.ts";

const walletsCount = 3;
const workersPerWallet = 2;
/** The first wallet is a hot one: its debits share appends, and are too many to be kept in memory. */
const workersOfHotWallet = 30;
const debitsBeforeKillMax = 600;
/** After a kill, so many more show that all goes on. */
const debitsAfterKill = 400;

const stack = new AsyncDisposableStack();
let DATA_DIR: string;
let everfold: EverfoldProcess;
let ada: SignedIn;
let wallets: Wallet[];

const api = (): Client => client(everfold.url);

beforeAll(async () => {
  DATA_DIR = await dataDirectory(stack);
  everfold = await everfoldProcess(stack, { DATA_DIR });
  ada = await signedIn(api());
  wallets = await Promise.all(Array.from({ length: walletsCount }, () => newWallet(api(), ada)));
});
afterAll(() => stack.disposeAsync());

const killOne = (server: "eventStore" | "postmaster") => async () => {
  const pid = everfold.tree()[server];
  if (pid === undefined) throw new Error(`there is no ${server}`);
  process.kill(pid, "SIGKILL");
  await expect.poll(() => everfold.tree()[server] ?? pid, { timeout: 30_000 }).not.toBe(pid);
};

const killAll = async () => {
  await everfold.kill();
  everfold = await everfoldProcess(stack, { DATA_DIR });
};

/** Its servers are orphans then, and may still be writing when the next one starts. */
const killMain = async () => {
  process.kill(everfold.pid, "SIGKILL");
  everfold = await everfoldProcess(stack, { DATA_DIR });
};

const kills = [
  ["the whole tree of processes", killAll],
  ["the event store alone", killOne("eventStore")],
  ["Postgres alone", killOne("postmaster")],
  ["the main process alone", killMain],
  ["the whole tree of processes, once more", killAll],
] as const;

test.each(kills)("ES-04 BILL-07 BILL-11: kill -9 of %s under a load of debits", async (_, kill) => {
  const [hotWallet] = wallets;
  const hot = hotWallet ? Array<Wallet>(workersOfHotWallet).fill(hotWallet) : [];
  const workers = [...hot, ...Array<Wallet[]>(workersPerWallet).fill(wallets).flat()];
  const load = debitLoad(() => everfold.url, ada, workers);
  const killAfter = Math.ceil(Math.random() * debitsBeforeKillMax);
  await expect.poll(load.acknowledged, { interval: 1, timeout: 20_000 }).toBeGreaterThanOrEqual(killAfter);
  await kill();
  const atKill = load.acknowledged();
  await expect.poll(load.acknowledged, { timeout: 40_000 }).toBeGreaterThanOrEqual(atKill + debitsAfterKill);
  expect(await load.end(), `killed after ${killAfter} debits`).toEqual([]);
  for (const wallet of wallets) await reconcile(api(), ada, wallet);
  await expect.poll(async () => (await api().get("/ready")).status, { timeout: 30_000 }).toBe(200);
});

test("BILL-11: after all this, a debit sent once more under its key is answered as it was the first time", async () => {
  for (const { workspaceId, acknowledged } of wallets) {
    const [[id, debit] = []] = acknowledged;
    if (debit === undefined) throw new Error("no debit was acknowledged");
    const { status, headers, body } = await sendDebit(api(), ada, workspaceId, debit);
    expect([status, headers.get("idempotency-hit"), body.data.transaction.id]).toEqual([201, "true", id]);
  }
  for (const wallet of wallets) await reconcile(api(), ada, wallet);
});
