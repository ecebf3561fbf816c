import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installation, masterKey } from "../support/everfold.ts";

type Outcome = { code: number; out: string; err: string };

/** A running Everfold, and `npm run audit` beside it; `directory` is for files, and gone with the stack. */
export const auditedEverfold = async (stack: AsyncDisposableStack) => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-audit-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const on = await installation(stack);
  const everfold = await on.everfold();

  const started = (args: readonly string[], settings: Readonly<Record<string, string>> = {}) => {
    const outcome = Promise.withResolvers<Outcome>();
    const env = {
      ...process.env,
      EVENTSTORE_URL: on.eventStore.url,
      DATABASE_URL: on.database.url,
      DATA_DIR: directory,
      ENCRYPTION_MASTER_KEY: masterKey,
      ...settings,
    };
    const child = execFile(process.execPath, ["src/audit.ts", ...args], { env }, (error, out, err) =>
      outcome.resolve({ code: Number(error?.code ?? 0), out, err }),
    );
    return { child, outcome: outcome.promise };
  };

  return {
    on,
    everfold,
    directory,
    started,
    audit: (...args: readonly string[]): Promise<Outcome> => started(args).outcome,
    fileOf: async (text: string): Promise<string> => {
      const file = join(directory, `${randomUUID()}.ndjson`);
      await writeFile(file, text);
      return file;
    },
  };
};
