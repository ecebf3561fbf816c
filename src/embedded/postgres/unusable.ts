import { join } from "node:path";
import { installation } from "./installation.ts";
import { closedFolder, serverAccount } from "./serverUser.ts";

/** What is wrong with a folder, in words that name the obstacle and the two ways out. */
export const unusable = async (directory: string, cause: unknown): Promise<Error> => {
  const reasons = [firstLine(cause), await obstacle(directory).catch(() => undefined)].filter(Boolean).join("; ");
  return new Error(
    `The embedded Postgres cannot use ${directory}: ${reasons}. Set DATA_DIR to a folder that Everfold may write to ` +
      "and Postgres can reach, or set DATABASE_URL to a Postgres of your own.",
    { cause },
  );
};

/** The server's own words where there are any: `stderr` of a program that failed. */
const firstLine = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  const said = "stderr" in cause && typeof cause.stderr === "string" && cause.stderr.trim();
  return (said || cause.message).replaceAll(/\s*\n\s*/g, " ").replace(/[.\s]+$/, "");
};

/** Why root's Postgres, which is not root, gets nowhere. */
const obstacle = async (directory: string): Promise<string | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const data = join(directory, "data");
  const account = await serverAccount(data);
  const { postgres } = await installation();
  const closed = await closedFolder(account, [data, postgres]);
  return closed && `started by root, Postgres runs as the user with id ${account.uid}, who may not enter ${closed}`;
};
