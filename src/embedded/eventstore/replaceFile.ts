import { open, rename } from "node:fs/promises";

/** Writes a file for its owner's eyes alone that is there whole or not at all, whenever the process or machine ends. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  const handle = await open(draft, "w", 0o600);
  try {
    // The draft of a process that was killed, made under another mask, would keep its mode.
    await handle.chmod(0o600);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}
