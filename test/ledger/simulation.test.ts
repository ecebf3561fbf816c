import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { describe as described } from "./history.ts";
import { seedMax } from "./random.ts";
import { simulate } from "./simulation/simulate.ts";

const seconds = Number(process.env["LEDGER_SIMULATION_SECONDS"] ?? 30);
const asked = process.env["LEDGER_SEED"];

const say = (text: string) => void process.stdout.write(`${text}\n`);

/** As many runs as there is time for, each with the seed after the one before; only one when its seed was given. */
test(
  "whatever the network, the processes and the clock do, every answer is one a serial history gives",
  async () => {
    const first = asked === undefined ? randomInt(seedMax) : Number(asked);
    const startedAt = performance.now();
    const counted = { runs: 0, commands: 0, events: 0 };
    for (let seed = first; ; seed += 1) {
      const { fault, operations, events } = await simulate(seed);
      if (fault !== undefined) {
        say(operations.map(described).join("\n"));
        expect.fail(`LEDGER_SEED=${seed}: ${fault}`);
      }
      counted.runs += 1;
      counted.commands += operations.length;
      counted.events += events;
      if (asked !== undefined || performance.now() - startedAt > seconds * 1_000) break;
    }
    const perMinute = Math.round((counted.runs / (performance.now() - startedAt)) * 60_000);
    say(
      `${counted.runs} simulated runs from LEDGER_SEED=${first} on, ${perMinute} a minute: ${JSON.stringify(counted)}`,
    );
  },
  (seconds + 60) * 1_000,
);
