import { parseArgs } from "node:util";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { enableLinearRegex } from "./boundedRegex.ts";
import { sqliteCode } from "./database.ts";
import { type EventStoreServer, startServer } from "./server.ts";

/** SQLITE_IOERR, _CORRUPT and _NOTADB: what is in memory can no longer be trusted, a new process recovers from disk. */
const fatalSqliteCodes: ReadonlySet<number | undefined> = new Set([10, 11, 26]);
const portDefault = "2113";
const portMax = 65_535;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const complain = (error: unknown) => {
  process.stderr.write(`The event store failed: ${messageOf(error)}\n`);
};

const onFailure = (error: unknown) => {
  complain(error);
  if (fatalSqliteCodes.has(sqliteCode(error))) process.exit(1);
};

async function start(): Promise<void> {
  enableLinearRegex();
  setLogVerbosity(logVerbosity.NONE);
  const { values } = parseArgs({
    options: { dir: { type: "string" }, port: { type: "string", default: portDefault } },
  });
  const port = Number(values.port);
  if (values.dir === undefined) throw new Error("No folder to store events in was given: --dir DIR.");
  if (!Number.isInteger(port) || port < 0 || port > portMax) throw new Error(`${values.port} is no port.`);
  const server = await startServer({ directory: values.dir, port, onFailure });
  process.send?.({ listeningOn: server.port });
  stopInOrder(server);
}

function stopInOrder(server: EventStoreServer): void {
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        complain(error);
        process.exit(1);
      },
    );
  };
  const signals = ["SIGINT", "SIGTERM"];
  if (!process.connected) {
    for (const signal of signals) process.on(signal, stop);
    return;
  }
  // A terminal or a service manager signals the whole group, while the parent may still have commands to finish here.
  // The parent says when to stop, and its disappearance says so too.
  for (const signal of signals) process.on(signal, () => {});
  process.on("message", (message) => {
    if (message === "stop") stop();
  });
  process.once("disconnect", stop);
}

try {
  await start();
} catch (error) {
  process.exitCode = 1;
  if (process.connected) {
    process.send?.({ failure: messageOf(error) });
    process.disconnect();
  } else {
    complain(error);
  }
}
