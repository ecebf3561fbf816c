import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

/** The operating-system user the server runs as. Absent: the user who started us. */
export type Account = { uid: number; gid: number };

const run = promisify(execFile);

/**
 * Postgres refuses to run as root. Started by root, it runs as the owner of the data that is there, else as the user
 * `postgres`, who is created when there is none.
 */
export const serverAccount = async (data: string): Promise<Account | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(data).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return (await lookUp("postgres")) ?? (await create("postgres"));
};

const lookUp = async (name: string): Promise<Account | undefined> => {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
};

const create = async (name: string): Promise<Account> => {
  try {
    await run("useradd", ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]);
  } catch (cause) {
    throw new Error(
      `Postgres does not run as root, and the user "${name}" could not be created for it: start Everfold as another ` +
        "user, or set DATABASE_URL to a Postgres of your own.",
      { cause },
    );
  }
  const account = await lookUp(name);
  if (!account) throw new Error(`The user "${name}" was created and cannot be found.`);
  return account;
};

/** The outermost folder above `path` that this account may not enter, judged by its mode. */
export const closedFolder = async (path: string, account: Account): Promise<string | undefined> => {
  const folder = dirname(path);
  const above = folder === path ? undefined : await closedFolder(folder, account);
  if (above) return above;
  const found = await stat(folder).catch(() => undefined);
  return found && !mayEnter(found, account) ? folder : undefined;
};

const mayEnter = (folder: Account & { mode: number }, account: Account): boolean => {
  if (folder.uid === account.uid) return (folder.mode & 0o100) !== 0;
  if (folder.gid === account.gid) return (folder.mode & 0o010) !== 0;
  return (folder.mode & 0o001) !== 0;
};
