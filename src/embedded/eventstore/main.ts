import { parseArgs } from "node:util";
import { enableLinearRegex } from "./boundedRegex.ts";
import { sqliteCode } from "./database.ts";
import { type EventStoreServer, startServer } from "./server.ts";

/** After these the file or the disk under it cannot be trusted: the process ends, and a new one recovers from the log. */
const fatalSqliteCodes = new Set([10, 11, 26]);

const complain = (error: unknown) => {
  process.stderr.write(`The event store failed: ${error instanceof Error ? error.message : String(error)}\n`);
};

const onFailure = (error: unknown) => {
  complain(error);
  const code = sqliteCode(error);
  if (code !== undefined && fatalSqliteCodes.has(code)) process.exit(1);
};

async function start(): Promise<void> {
  enableLinearRegex();
  const { values } = parseArgs({ options: { dir: { type: "string" }, port: { type: "string", default: "2113" } } });
  if (values.dir === undefined) throw new Error("Which folder? Say --dir DIR.");
  const server = await startServer({ directory: values.dir, port: Number(values.port), onFailure });
  process.send?.({ kind: "listening", port: server.port });
  stopInOrder(server);
}

function stopInOrder(server: EventStoreServer): void {
  let _stopping: Promise<void> | undefined;
  const stop = () => {
    _stopping ??= server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        complain(error);
        process.exit(1);
      },
    );
  };
  if (!process.connected) {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
    return;
  }
  // A terminal or a service manager signals the whole group. The parent still has commands to finish here: it says when.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
  process.on("message", (message) => {
    if (message === "stop") stop();
  });
  process.once("disconnect", stop);
}

try {
  await start();
} catch (error) {
  complain(error);
  process.exitCode = 1;
  if (process.connected) {
    process.send?.({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
    process.disconnect();
  }
}
