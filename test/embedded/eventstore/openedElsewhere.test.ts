import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import { freshDirectory, removeDirectory } from "./storeUnderTest.ts";

test("a start that is refused takes nothing from the program that has the database open", async () => {
  const directory = freshDirectory();
  onTestFinished(() => removeDirectory(directory));
  await (await startEventStore({ directory })).stop();
  const file = join(directory, "events.db");
  const index = `${file}-shm`;
  expect(existsSync(index)).toBe(false);

  using other = new DatabaseSync(file);
  other.prepare("select max(position) from events").get();
  await expect(startEventStore({ directory })).rejects.toThrow("is in use by another");
  expect(existsSync(index)).toBe(true);
});
