import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { access, chmod, chown, mkdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Account, closedFolder, serverAccount } from "./account.ts";
import { type Installation, installation } from "./installation.ts";

/** A data folder that a server can be started on. */
export type Cluster = { installation: Installation; data: string; password: string; account: Account | undefined };

export const superuser = "postgres";

/** Nothing of our environment shall change what the server does, or in which language it says so. */
export const serverEnvironment = { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC" };

/** Opens the cluster under `directory`, and makes it first where there is none: `data/`, and its `password` beside. */
export const openCluster = async (directory: string): Promise<Cluster> => {
  await mkdir(directory, { recursive: true });
  const home = await realpath(directory);
  const data = join(home, "data");
  const passwordFile = join(home, "password");
  const account = await serverAccount(data);
  const binaries = await installation();
  if (account) await chmod(home, 0o711);
  if (!(await exists(join(data, "PG_VERSION")))) await create(binaries, data, passwordFile, account);
  return { installation: binaries, data, password: await readFile(passwordFile, "utf8"), account };
};

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The new cluster gets its name when it is complete, so that one cut off in the middle is never taken for a cluster. */
const create = async (
  { initdb }: Installation,
  data: string,
  passwordFile: string,
  account: Account | undefined,
): Promise<void> => {
  const unfinished = `${data}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await writeFile(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600 });
  if (account) for (const path of [unfinished, passwordFile]) await chown(path, account.uid, account.gid);
  await promisify(execFile)(
    initdb,
    [
      `--pgdata=${unfinished}`,
      `--username=${superuser}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      // The built-in provider sorts alike on every machine and after every update of the system's C library.
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
    ],
    { ...account, cwd: "/", env: serverEnvironment },
  );
  await rename(unfinished, data);
};

/** What went wrong, in words that name the folder in the way and the two ways out. */
export const unusable = async (directory: string, cause: unknown): Promise<Error> => {
  const said = messageOf(cause).replace(/[.\s]+$/, "");
  const account = await serverAccount(join(directory, "data")).catch(() => undefined);
  const closed = account && (await firstClosed([join(directory, "data"), import.meta.filename], account));
  const advice = closed
    ? `Started by root, Postgres runs as the user with id ${account.uid}, who may not enter ${closed}. ` +
      `Allow that (chmod o+x), move what is there, or start Everfold as another user`
    : "Set DATA_DIR to a folder that can be written and belongs to the user who starts Everfold";
  return new Error(
    `The embedded Postgres cannot use ${directory}: ${said}. ${advice}; or set DATABASE_URL to a Postgres of your own.`,
    { cause },
  );
};

const firstClosed = async (paths: readonly string[], account: Account): Promise<string | undefined> => {
  const closed = await Promise.all(paths.map((path) => closedFolder(path, account)));
  return closed.find((folder) => folder !== undefined);
};

const messageOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  const { message, stderr } = { stderr: "", ...cause, message: cause.message };
  return (stderr || message).trim();
};
