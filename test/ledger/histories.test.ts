import { randomInt } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWriteSide, type WriteSide } from "../commands/writeSide.ts";
import { type Servers, startServers } from "./histories/processes.ts";
import { type History, runHistory } from "./histories/runHistory.ts";
import { describe as described } from "./history.ts";
import { seeded, seedMax } from "./random.ts";

const histories = Number(process.env["LEDGER_HISTORIES"] ?? 200);
const first = Number(process.env["LEDGER_HISTORY_SEED"] ?? randomInt(seedMax));
/** The limits of the servers follow from it. */
const serversSeed = Number(process.env["LEDGER_SERVERS_SEED"] ?? randomInt(seedMax));
/** At a time: they disturb one another. */
const together = 8;
const boundMs = 120_000 + histories * 2_000;

const say = (text: string) => void process.stdout.write(`${text}\n`);

let backends: WriteSide;
let servers: Servers;

beforeAll(async () => {
  backends = await startWriteSide();
  servers = await startServers(backends, seeded(serversSeed), 3);
});
afterAll(async () => {
  await servers.stop();
  await backends.stop();
});

test(
  `${histories} concurrent histories on the event store are each explained by one serial order`,
  async () => {
    let ticks = 0;
    const tick = () => {
      ticks += 1;
      return ticks;
    };
    let next = 0;
    let commands = 0;
    const worker = async () => {
      while (next < histories) {
        const seed = first + next;
        next += 1;
        const history = await runHistory(seed, servers, tick);
        commands += history.operations.length;
        if (history.fault !== undefined) fail(seed, history);
      }
    };
    await Promise.all(Array.from({ length: together }, worker));
    say(`${histories} histories of ${commands} commands from --seed ${first} --servers ${serversSeed} on`);
  },
  boundMs,
);

/**
 * The command asks the same of servers with the same limits, and has the same go wrong. Not the same are who is first
 * and what follows from that, such as the hold that is captured next, and what the histories beside it did to servers.
 */
const fail = (seed: number, { fault, operations }: History) => {
  say(operations.map(described).join("\n"));
  expect.fail(`npm run test:ledger -- --histories 1 --seed ${seed} --servers ${serversSeed}: ${fault}`);
};
