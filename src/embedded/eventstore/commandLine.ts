import { parseArgs } from "node:util";
import { type AccessMode, accessModes, defaultAccessMode } from "./access/accessMode.ts";

export const usage = `Usage: npm run eventstore -- [options]

Runs an event store that the clients of EventStoreDB can use, on 127.0.0.1.

  --port PORT     the port to listen on; 0 takes any free one (2113)
  --dir DIR       the folder that holds the events (.data/eventstore-alone)
  --memory        keep the events in memory only: they are gone when it stops
  --same-user     let in processes of the same user and root's (the default on Linux, where alone there is this)
  --tls           encrypt, and ask for a password, both made in the folder (the default elsewhere)
  --insecure      let in everybody on this machine
  --help          print this
`;

/** Something was asked for that there is not. The message is meant for whoever typed it. */
export class UsageError extends Error {}

export type Settings = {
  readonly port: number;
  readonly directory: string;
  readonly isInMemory: boolean;
  readonly access: AccessMode;
};

const portMax = 65_535;

/** What the arguments ask for. Throws `UsageError`. */
export function parseCommandLine(args: readonly string[]): Settings | "help" {
  const values = valuesOf(args);
  if (values.help) return "help";
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > portMax) throw new UsageError(`${values.port} is no port.`);
  if (values.dir === "") throw new UsageError("--dir wants a folder.");
  const [access = defaultAccessMode, ...others] = accessModes.filter((mode) => values[mode]);
  if (others.length > 0) throw new UsageError("Of --same-user, --tls and --insecure there can be one.");
  return { port, directory: values.dir, isInMemory: values.memory, access };
}

function valuesOf(args: readonly string[]) {
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: "2113" },
        dir: { type: "string", default: ".data/eventstore-alone" },
        memory: flag,
        "same-user": flag,
        tls: flag,
        insecure: flag,
        help: { ...flag, short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
