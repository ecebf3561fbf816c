import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { access, chmod, chown, mkdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Installation, installation } from "./installation.ts";
import { runAs, type ServerUser, serverUser } from "./serverUser.ts";

/** A data folder that a server can be started on. */
export type Cluster = { postgres: string; data: string; password: string; user: ServerUser };

export const superuser = "postgres";

/** Nothing of our environment shall change what the server does, or in which language it says so. */
export const serverEnvironment = { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC" };

/** Opens the cluster in `data/` under `directory`, its password beside it; makes both where there is no cluster yet. */
export const openCluster = async (directory: string): Promise<Cluster> => {
  const isNew = (await mkdir(directory, { recursive: true })) !== undefined;
  const home = await realpath(directory);
  const data = join(home, "data");
  const { postgres, initdb } = await installation();
  // Whatever the umask: the server may be another user and has to pass. What is secret in it has a mode of its own.
  if (isNew) await chmod(home, 0o711);
  const user = await serverUser(data, [data, postgres]);
  const passwordFile = join(home, "password");
  if (await isMissing(data)) await create(initdb, data, passwordFile, user);
  return { postgres, data, password: await readFile(passwordFile, "utf8"), user };
};

/** What is there and cannot be looked at is not missing, and must not be made anew. */
const isMissing = (path: string): Promise<boolean> =>
  access(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return true;
      throw error;
    },
  );

/** The new cluster gets its name when it is complete: one cut off in the middle is never taken for a cluster. */
const create = async (
  initdb: Installation["initdb"],
  data: string,
  passwordFile: string,
  user: ServerUser,
): Promise<void> => {
  const unfinished = `${data}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await writeFile(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600, flush: true });
  if (user.kind === "account") for (const path of [unfinished, passwordFile]) await chown(path, user.uid, user.gid);
  const { file, args, ids } = runAs(user, initdb, [
    `--pgdata=${unfinished}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    // The built-in provider sorts alike on every machine and after every update of the system's C library.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
  ]);
  await promisify(execFile)(file, args, { ...ids, cwd: "/", env: serverEnvironment });
  await rename(unfinished, data);
};
