import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { commandLineOf, isGone, parentOf, signal } from "../runningProcess.ts";
import { replaceFile } from "./replaceFile.ts";

/** What one that was left behind needs to see so, answer what it accepted and end. */
const orderlyEndMs = 2_000;
const endMs = 5_000;

const pidFileIn = (directory: string): string => join(directory, "supervised.pid");

/**
 * Notes that this process serves the folder for its parent, for those that find it when that parent is gone. The note
 * stays: when it no longer holds, the process it names does not look like it says.
 */
export const noteSupervised = (directory: string): Promise<void> =>
  replaceFile(pidFileIn(directory), `${process.pid} ${process.ppid}\n`);

/**
 * Ends a store that still holds the folder after its parent was killed, because it was stopped or busy then and has
 * not noticed. It is one when the process of the note runs a store on this folder, as its command line says, and has
 * another parent than it began with, as happens to those alone whose parent died. Nothing else is ever ended.
 */
export async function endOrphan(directory: string): Promise<void> {
  const noted = await readFile(pidFileIn(directory), "utf8").catch(() => "");
  const [, pid, parent] = (/^(\d+) (\d+)\n$/.exec(noted) ?? []).map(Number);
  if (pid === undefined || parent === undefined || pid === process.pid) return;
  const isOrphan = async () => {
    const commandLine = await commandLineOf(pid);
    const isStore =
      commandLine.includes("/eventstore/main.ts ") && commandLine.includes(` --dir ${resolve(directory)} `);
    const parentNow = await parentOf(pid);
    return isStore && parentNow !== undefined && parentNow !== parent;
  };
  if (await isGone(isOrphan, orderlyEndMs)) return;
  // What it acknowledged is on disk, so that no harm is done.
  signal(pid, "SIGKILL");
  await isGone(isOrphan, endMs);
}
