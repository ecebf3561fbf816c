import { join, resolve } from "node:path";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { openAccess } from "./access/access.ts";
import { parseCommandLine, type Settings, UsageError, usage } from "./commandLine.ts";
import { describeFailure, isFatal } from "./failures.ts";
import { endOrphan, noteSupervised } from "./orphan.ts";
import { widenWindows } from "./protocol/flowControl.ts";
import { replaceFile } from "./replaceFile.ts";
import { type EventStoreServer, startServer } from "./server.ts";
import { createSparingReport } from "./sparingReport.ts";
import { enableLinearRegex } from "./streams/boundedRegex.ts";
import { credentialsFromSupervisor, obeySupervisor, tellSupervisor } from "./supervised.ts";

const stopSignals = ["SIGINT", "SIGTERM"];
const usageExitCode = 2;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const complain = (line: string) => process.stderr.write(`${line}\n`);

const report = createSparingReport(complain);

const onFailure = (error: unknown) => {
  report(`The event store failed: ${describeFailure(error)}`);
  if (isFatal(error)) process.exit(1);
};

async function serve(settings: Settings, isSupervised: boolean): Promise<EventStoreServer> {
  // The files hold what happened to everybody: nobody but the user we run as is to read them.
  process.umask(0o077);
  enableLinearRegex();
  widenWindows();
  setLogVerbosity(logVerbosity.NONE);
  const { directory, isInMemory, port } = settings;
  const credentials = isSupervised ? await credentialsFromSupervisor() : undefined;
  if (!isInMemory) await endOrphan(directory);
  const access = await openAccess({ mode: settings.access, directory, credentials });
  return startServer({
    directory: isInMemory ? undefined : directory,
    port,
    access,
    onFailure,
    onRefusal: (reason) => report(`A connection was not let in: ${reason}.`),
  });
}

async function runSupervised(settings: Settings): Promise<void> {
  // A terminal or a service manager signals the whole group, while the parent may still have commands to finish here.
  // The parent says when to stop, and its disappearance says so too.
  for (const signal of stopSignals) process.on(signal, () => {});
  try {
    const server = await serve(settings, true);
    // On a full disk it serves without the note, which only matters when its parent is killed.
    if (!settings.isInMemory) await noteSupervised(settings.directory).catch(() => {});
    obeySupervisor(server, () => stop(server));
  } catch (error) {
    process.exitCode = 1;
    tellSupervisor({ failure: describeFailure(error) });
  }
}

async function runAlone(settings: Settings): Promise<void> {
  const server = await serve(settings, false);
  const announced = await announcement(settings, server).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  let isStopping = false;
  // npm passes on the signal that a terminal has sent to us as well.
  const stopOnce = () => {
    if (!isStopping) stop(server);
    isStopping = true;
  };
  for (const signal of stopSignals) process.on(signal, stopOnce);
  process.stdout.write(`${announced}\n`);
}

/** What to connect with. A password stays in a file that only its owner can read. */
async function announcement({ access, directory }: Settings, { connectionString }: EventStoreServer): Promise<string> {
  if (access !== "tls") return `The event store is ready: ${connectionString}`;
  const file = join(resolve(directory), "tls", "connection-string");
  await replaceFile(file, `${connectionString}\n`);
  return `The event store is ready: what to connect with is in ${file}`;
}

function stop(server: EventStoreServer, afterwards = async () => {}): void {
  server
    .stop()
    .then(afterwards)
    .then(
      () => process.exit(0),
      (error: unknown) => {
        complain(`The event store failed: ${messageOf(error)}`);
        process.exit(1);
      },
    );
}

async function run(): Promise<void> {
  const settings = parseCommandLine(process.argv.slice(2));
  if (settings === "help") process.stdout.write(usage);
  else if (process.connected) await runSupervised(settings);
  else await runAlone(settings);
}

try {
  await run();
} catch (error) {
  const isUsage = error instanceof UsageError;
  process.exitCode = isUsage ? usageExitCode : 1;
  complain(isUsage ? `${error.message}\n\n${usage}` : `The event store cannot start: ${describeFailure(error)}`);
}
