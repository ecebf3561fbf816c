import { parseArgs } from "node:util";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { enableLinearRegex } from "./boundedRegex.ts";
import { sqliteCode } from "./database.ts";
import { type EventStoreServer, startServer } from "./server.ts";

/** SQLITE_IOERR, _CORRUPT and _NOTADB: what is in memory can no longer be trusted, a new process recovers from disk. */
const fatalSqliteCodes: ReadonlySet<number | undefined> = new Set([10, 11, 26]);
const stopSignals = ["SIGINT", "SIGTERM"];
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
  const { values } = parseArgs({
    options: { dir: { type: "string" }, port: { type: "string", default: portDefault } },
  });
  const port = Number(values.port);
  if (values.dir === undefined) throw new Error("No folder to store events in was given: --dir DIR.");
  if (!Number.isInteger(port) || port < 0 || port > portMax) throw new Error(`${values.port} is no port.`);
  // A terminal or a service manager signals the whole group, while the parent may still have commands to finish here.
  // The parent says when to stop, and its disappearance says so too.
  const isSupervised = process.connected;
  // The files hold what happened to everybody: nobody but the user we run as is to read them.
  process.umask(0o077);
  if (isSupervised) for (const signal of stopSignals) process.on(signal, () => {});
  enableLinearRegex();
  setLogVerbosity(logVerbosity.NONE);
  const server = await startServer({ directory: values.dir, port, onFailure });
  if (isSupervised) obeyParent(server);
  else for (const signal of stopSignals) process.once(signal, () => stop(server));
}

function obeyParent(server: EventStoreServer): void {
  let isStopping = false;
  const stopOnce = () => {
    if (!isStopping) stop(server);
    isStopping = true;
  };
  process.on("message", (message) => {
    if (message === "stop") stopOnce();
  });
  process.once("disconnect", stopOnce);
  if (process.connected) process.send?.({ listeningOn: server.port });
  else stopOnce();
}

function stop(server: EventStoreServer): void {
  server.stop().then(
    () => process.exit(0),
    (error: unknown) => {
      complain(error);
      process.exit(1);
    },
  );
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
