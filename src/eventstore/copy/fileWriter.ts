import { type FileHandle, open, rename, stat, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { linesOfFile } from "../textLines.ts";
import { contentOf, gaplessness } from "./content.ts";
import type { CopiedEvent } from "./copiedEvent.ts";
import { type End, eventLine, firstLine, isFirstLine, lastLine, parsedLine } from "./eventLine.ts";
import { CopyRefused } from "./place.ts";

type FileWriter = {
  /** The newest event that an earlier attempt has written already. */
  last: CopiedEvent | undefined;
  add(event: CopiedEvent): Promise<void>;
  /** Only now the file has its name. */
  complete(until: bigint): Promise<End>;
  close(): Promise<void>;
};

/** Lines are written together until they are this long. */
const chunkCharacters = 1 << 20;
/** Whoever reads the events knows who did what and when. */
const mode = 0o600;

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Writes a file of events beside its name, until it is complete. What an attempt that was killed has written counts:
 * its whole lines stay, and `last` says where to go on.
 */
export const fileWriter = async (path: string): Promise<FileWriter> => {
  if (await isThere(path)) throw new CopyRefused(`${path} is there already. Check it with --verify, or move it away.`);
  const partial = `${path}.partial`;
  const tally = contentOf();
  const mustFollow = gaplessness();
  const count = (event: CopiedEvent): void => {
    mustFollow(event);
    tally.add(event);
  };
  const last = await wholeLines(partial, count);
  const file = await open(partial, "a", mode);
  await file.chmod(mode);
  let waiting = last === undefined ? `${firstLine}\n` : "";
  if (last === undefined) await file.truncate();

  const flush = async (): Promise<void> => {
    const lines = waiting;
    // What a full disk took a part of is not written again behind it: it is cut off by who goes on.
    waiting = "";
    await file.appendFile(lines);
  };
  return {
    last,
    async add(event) {
      count(event);
      waiting += `${eventLine(event)}\n`;
      if (waiting.length >= chunkCharacters) await flush();
    },
    async complete(until) {
      const end = { ...tally.content(), until };
      waiting += `${lastLine(end)}\n`;
      await flush();
      await file.sync();
      await rename(partial, path);
      await syncDirectory(dirname(path));
      return end;
    },
    close: async () => {
      await flush();
      await file.close();
    },
  };
};

/** Cuts off what is no whole event, and gives the last one. */
const wholeLines = async (path: string, onEvent: (event: CopiedEvent) => void): Promise<CopiedEvent | undefined> => {
  if (!(await isThere(path))) return undefined;
  let last: CopiedEvent | undefined;
  let end = 0;
  for await (const { text, number, offset, isWhole } of linesOfFile(path)) {
    if (!isWhole) break;
    const line = number === 1 ? undefined : parsedLine(text);
    const isSound = number === 1 ? isFirstLine(text) : line !== undefined;
    if (!isSound) throw new CopyRefused(`Line ${number} of ${path} is not what was written there. Move it away.`);
    if (line?.kind === "end") break;
    end = offset;
    if (line) onEvent(line.event);
    last = line?.event ?? last;
  }
  await truncate(path, end);
  return last;
};

/** A rename is kept when its folder is. */
const syncDirectory = async (path: string): Promise<void> => {
  const directory: FileHandle = await open(path);
  await directory.sync().finally(() => directory.close());
};
