import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";

/** UUIDs, as many as there may be: so many are in memory, and the others in a file of this run's own. */
export type IdSet = Disposable & {
  /** @returns false for one that is in it already, however it is spelled */
  add(id: string): boolean;
};

const inMemoryMax = 10_000;

export const idSet = (): IdSet => {
  const newest = new Set<string>();
  let file: ReturnType<typeof overflow> | undefined;
  return {
    add(id) {
      const digits = id.replaceAll("-", "").toLowerCase();
      if (newest.has(digits) || file?.has(digits)) return false;
      newest.add(digits);
      if (newest.size >= inMemoryMax) {
        file ??= overflow();
        file.take(newest);
        newest.clear();
      }
      return true;
    },
    [Symbol.dispose]: () => file?.[Symbol.dispose](),
  };
};

/** Nobody else reads it, and no other run goes on with it: it need not survive anything. */
const overflow = () => {
  const directory = mkdtempSync(join(tmpdir(), "everfold-audit-"));
  const database = new DatabaseSync(join(directory, "ids"));
  database.exec("pragma journal_mode = off; pragma synchronous = off");
  database.exec("create table ids (id blob primary key) without rowid");
  const insert: StatementSync = database.prepare("insert into ids values (?)");
  const select: StatementSync = database.prepare("select 1 from ids where id = ?");
  const bytesOf = (digits: string) => Buffer.from(digits, "hex");
  return {
    has: (digits: string): boolean => select.get(bytesOf(digits)) !== undefined,
    take: (all: Iterable<string>): void => {
      database.exec("begin");
      for (const digits of all) insert.run(bytesOf(digits));
      database.exec("commit");
    },
    [Symbol.dispose]: (): void => {
      database.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};
