import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { linesOfFile } from "../textLines.ts";
import { contentOf } from "./content.ts";
import type { CopiedEvent } from "./copiedEvent.ts";
import { type End, isFirstLine, parsedLine } from "./eventLine.ts";
import { CopyRefused, type Place, type Reading } from "./place.ts";

/** A complete file of events. Its last line is checked against what was read; what is wrong is refused by line. */
export const filePlace = (path: string): Place => ({
  name: path,
  async *events(onReading = () => undefined) {
    const { size: total } = await stat(path);
    const { add, content } = contentOf();
    let end: End | undefined;
    for await (const { text, number, offset } of linesOfFile(path)) {
      if (number === 1) {
        if (!isFirstLine(text)) throw new CopyRefused(`${path} is no file of events, or one of another version.`);
        continue;
      }
      const line = parsedLine(text);
      if (line === undefined || end) throw new CopyRefused(`Line ${number} of ${path} is not what was written there.`);
      if (line.kind === "event") {
        add(line.event);
        onReading({ done: offset, total } satisfies Reading);
        yield line.event satisfies CopiedEvent;
      } else end = line.end;
    }
    if (!end) throw new CopyRefused(`${path} is not complete: its last line is not there.`);
    const { sha256 } = content();
    if (end.sha256 !== sha256)
      throw new CopyRefused(`${path} was changed: its last line says SHA-256 ${end.sha256}, its events say ${sha256}.`);
  },
});

/** What the last line of a complete file says. */
export const endOfFile = async (path: string): Promise<End> => {
  const { size } = await stat(path);
  let tail = "";
  for await (const chunk of createReadStream(path, { start: Math.max(0, size - lastLineMax) })) tail += String(chunk);
  const line = parsedLine(tail.trimEnd().split("\n").at(-1) ?? "");
  if (line?.kind !== "end") throw new CopyRefused(`${path} is not complete: its last line is not there.`);
  return line.end;
};
const lastLineMax = 4_096;
