import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

type Account = { uid: number; gid: number };

/**
 * Who the server is for the operating system. Postgres refuses to be root, so when root starts us it is
 * - an `account` of its own, where that one can reach the data and the binaries, or else
 * - root in a user `namespace` where root has another number: it can reach what only root can.
 */
export type ServerUser = { kind: "self" } | ({ kind: "account" } & Account) | { kind: "namespace" };

/** Everywhere the number of the user `nobody`, which has a name, as initdb demands. */
const NOBODY = 65534;

const run = promisify(execFile);

/** Whoever owns the data; for data still to be made, whoever can reach `paths`. */
export const serverUser = async (data: string, paths: readonly string[]): Promise<ServerUser> => {
  if (process.getuid?.() !== 0) return { kind: "self" };
  const owner = await stat(data).catch(() => undefined);
  if (owner?.uid === 0) return { kind: "namespace" };
  const account = await serverAccount(data);
  return owner || !(await closedFolder(account, paths)) ? { kind: "account", ...account } : { kind: "namespace" };
};

/** The owner of the data that is there, else the user `postgres`, who is created when there is none. */
export const serverAccount = async (data: string): Promise<Account> => {
  const owner = await stat(data).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return (await lookUp("postgres")) ?? create("postgres");
};

/** A command line and the spawn options that run it as this user. */
export const runAs = (user: ServerUser, file: string, args: readonly string[]) =>
  user.kind === "namespace"
    ? { file: "unshare", args: ["--user", `--map-user=${NOBODY}`, file, ...args], ids: {} }
    : { file, args: [...args], ids: user.kind === "account" ? { uid: user.uid, gid: user.gid } : {} };

const lookUp = (name: string): Promise<Account | undefined> =>
  Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]).then(
    ([uid, gid]) => ({ uid: Number(uid.stdout), gid: Number(gid.stdout) }),
    () => undefined,
  );

const create = async (name: string): Promise<Account> => {
  const failed = "Postgres does not run as root, and the user it would run as could not be created";
  try {
    await run("useradd", ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]);
  } catch (cause) {
    throw new Error(failed, { cause });
  }
  const account = await lookUp(name);
  if (!account) throw new Error(failed);
  return account;
};

/** The first folder above one of the paths that the account may not enter, judged by its mode. */
export const closedFolder = async (account: Account, paths: readonly string[]): Promise<string | undefined> => {
  for (const folder of paths.flatMap(foldersAbove)) {
    const found = await stat(folder).catch(() => undefined);
    if (found && !mayEnter(found, account)) return folder;
  }
  return undefined;
};

const foldersAbove = (path: string): string[] => {
  const folder = dirname(path);
  return folder === path ? [] : [...foldersAbove(folder), folder];
};

const mayEnter = (folder: Account & { mode: number }, account: Account): boolean => {
  if (folder.uid === account.uid) return (folder.mode & 0o100) !== 0;
  if (folder.gid === account.gid) return (folder.mode & 0o010) !== 0;
  return (folder.mode & 0o001) !== 0;
};
