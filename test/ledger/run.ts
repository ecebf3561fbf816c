import { spawn } from "node:child_process";
import { parseArgs } from "node:util";

/** `npm run test:ledger -- --histories 5000`: the ledger's random tests, for as long as one likes. */
const { values } = parseArgs({
  options: {
    /** How many concurrent histories are run on the event store, the seed of the first, and that of their servers. */
    histories: { type: "string" },
    seed: { type: "string" },
    servers: { type: "string" },
    /** For how long runs are simulated, and the one run that is to be repeated. */
    seconds: { type: "string" },
    run: { type: "string" },
  },
});
const told = {
  LEDGER_HISTORIES: values.histories,
  LEDGER_HISTORY_SEED: values.seed,
  LEDGER_SERVERS_SEED: values.servers,
  LEDGER_SIMULATION_SECONDS: values.seconds,
  LEDGER_SEED: values.run,
};
const settings = Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
const child = spawn("vitest", ["run", "test/ledger"], { stdio: "inherit", env: { ...process.env, ...settings } });
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
