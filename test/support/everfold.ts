import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../src/config.ts";
import { type EmbeddedEventStore, startEventStore } from "../../src/embedded/eventStore.ts";
import { type Everfold, start } from "../../src/main.ts";
import { type TestDatabase, testDatabase } from "./database.ts";

/** The two backends of one installation, for any number of Everfold processes on them. */
export type Installation = {
  eventStore: EmbeddedEventStore;
  database: TestDatabase;
  /** A whole Everfold, listening; `settings` are environment variables. Log lines go to `lines`. */
  everfold(settings?: Readonly<Record<string, string>>): Promise<Everfold & { url: string; lines: string[] }>;
};

export const masterKey = Buffer.alloc(32, 7).toString("base64");

const readyWithinMs = 60_000;

/** Starts the backends; everything on them is stopped and removed with `stack`. */
export const installation = async (stack: AsyncDisposableStack): Promise<Installation> => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-test-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const database = await testDatabase();
  stack.defer(() => database.drop());
  const eventStore = await startEventStore({ directory: join(directory, "eventstore") });
  stack.defer(() => eventStore.stop());

  const everfold = async (settings: Readonly<Record<string, string>> = {}) => {
    const lines: string[] = [];
    const config = readConfig({
      DATA_DIR: join(directory, randomUUID()),
      PORT: "0",
      EVENTSTORE_URL: eventStore.url,
      DATABASE_URL: database.url,
      ENCRYPTION_MASTER_KEY: masterKey,
      BCRYPT_COST: "4",
      RATE_LIMIT_MAX: "0",
      RATE_LIMIT_AUTH_MAX: "0",
      PROJECTION_DELAY_MS: process.env["PROJECTION_DELAY_MS"] ?? "0",
      ...settings,
    });
    const started = await start(config, { write: (line) => void lines.push(line) });
    stack.defer(() => started.stop());
    await started.untilReady(AbortSignal.timeout(readyWithinMs), () => undefined);
    return { ...started, url: started.url ?? "", lines };
  };
  return { eventStore, database, everfold };
};
