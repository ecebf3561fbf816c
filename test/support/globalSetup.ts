import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { createDatabase, template } from "./database.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the one Postgres of this run, database `postgres`. */
    postgresUrl: string;
  }
}

/** One Postgres for the whole run, with a migrated database in it that every test file clones. */
export default async ({ provide }: TestProject): Promise<() => Promise<void>> => {
  const stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "everfold-test-postgres-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  try {
    // mkdtemp lets in nobody but us, and started by root the server runs as another user.
    await chmod(directory, 0o711);
    const postgres = await startPostgres({ directory });
    stack.defer(postgres.stop);
    await migrate(await createDatabase(postgres.url, template));
    provide("postgresUrl", postgres.url);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
  return () => stack.disposeAsync();
};
