import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { ledgerExport } from "./audit/export.ts";
import { ledgerStream, sealStream } from "./audit/ledgerLine.ts";
import { allLedgers } from "./audit/replay/allLedgers.ts";
import { replayLedger } from "./audit/replay/replay.ts";
import { type PublicKeys, publicKeysOf } from "./audit/seals.ts";
import { several } from "./audit/sentences.ts";
import { verify } from "./audit/verify.ts";
import { ConfigError } from "./config.ts";
import { linesOf, linesOfFile } from "./eventstore/textLines.ts";
import { MasterKeyRefused } from "./platform/masterKey.ts";
import { Unavailable } from "./platform/unavailable.ts";

const usage = `Usage: npm run audit -- export --workspace ID [--to FILE]   a ledger with its seals, sealed anew
       npm run audit -- verify FILE [--key FILE|JWK]…       whether an exported ledger is what was written
       npm run audit -- replay [--workspace ID | all]       whether the read models are what the ledgers add up to
       npm run audit -- key                                 the public keys that seals are verified with
       npm run audit -- rotate-key                          the same, with a new one that seals from now on
Exit codes: 0 it is, 1 it is not, 2 it cannot be said. FILE may be - for standard input.
`;

/** Loaded when it is asked for: who verifies a file has no installation, and need not wait for what one is made of. */
const installation = () => import("./auditedInstallation.ts");

/** What keeps a question from being answered, for people. */
class Unanswered extends Error {}

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

/** What the file system says of a file is told in one line. */
const reading = async <T>(file: string, read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new Unanswered(`${file} cannot be read: ${error.message}`);
  }
};

const keysFrom = async (given: string): Promise<PublicKeys> => {
  const json = given.trimStart().startsWith("{") ? given : await reading(given, () => readFile(given, "utf8"));
  const keys = publicKeysOf(json);
  if (!keys) throw new Unanswered("The key given is no JWK of an Ed25519 key, and no set of them.");
  return keys;
};

const verified = async (file: string, given: readonly string[]): Promise<number> => {
  const sets = await Promise.all(given.map(keysFrom));
  const keys = sets.length === 0 ? undefined : new Map(sets.flatMap((each) => [...each]));
  const lines = file === "-" ? linesOf(process.stdin) : linesOfFile(file);
  const { isIntact, report } = await reading(file, () => verify(lines, keys));
  print(report);
  return isIntact ? 0 : 1;
};

/** @returns the id as ledgers are named by it */
const idIn = (workspace: string): string => {
  const id = z.uuid().safeParse(workspace).data;
  if (id === undefined) throw new Unanswered(`${JSON.stringify(workspace)} is no id of a workspace: a UUID is one.`);
  return id.toLowerCase();
};

const exported = async (workspaceId: string, file: string | undefined): Promise<number> => {
  await using stack = new AsyncDisposableStack();
  const counted = { events: 0, seals: 0 };
  const onUnsealed = (reason: string) =>
    process.stderr.write(`It is not sealed anew, the seals there are must do: ${reason}\n`);
  const { auditedStore } = await installation();
  const lines = ledgerExport(await auditedStore(stack, onUnsealed));
  const source = lines(workspaceId);
  const first = await source.next();
  if (first.done) throw new Unanswered(`There is no ledger of workspace ${workspaceId}.`);
  async function* text(): AsyncGenerator<string> {
    for (let next = first; !next.done; next = await source.next()) {
      counted["seal" in next.value ? "seals" : "events"] += 1;
      yield `${JSON.stringify(next.value)}\n`;
    }
  }
  const target = file === undefined ? process.stdout : createWriteStream(file, { flags: "wx", mode: 0o600 });
  await pipeline(Readable.from(text()), target, { end: file !== undefined });
  process.stderr.write(`${several(counted.events, "event")}, ${several(counted.seals, "seal")}.\n`);
  return 0;
};

/** All of them, as a JWK set (RFC 7517). */
const publicKeys = async (isRotated: boolean): Promise<number> => {
  await using stack = new AsyncDisposableStack();
  const { auditedVault } = await installation();
  const { keys } = await auditedVault(stack);
  if (isRotated) await keys.rotate();
  print(JSON.stringify({ keys: await keys.publicKeys() }));
  return 0;
};

const replayed = async (workspace: string): Promise<number> => {
  await using stack = new AsyncDisposableStack();
  const { auditedBackends } = await installation();
  const { store, rows } = await auditedBackends(stack);
  const counted = { ledgers: 0, events: 0, differences: 0 };
  for (const id of workspace === "all" ? await allLedgers(store, rows) : [workspace]) {
    const [events, seals] = [store.read(ledgerStream(id)), store.read(sealStream(id))];
    const replayed = await replayLedger({ workspaceId: id, events, seals, rows });
    for (const difference of replayed.differences) print(`${id}: ${difference}`);
    counted.ledgers += 1;
    counted.events += replayed.events;
    counted.differences += replayed.differences.length;
  }
  const { ledgers, events, differences } = counted;
  const verdict = differences === 0 ? "the read models are what they add up to" : several(differences, "difference");
  print(`${several(ledgers, "ledger")}, ${several(events, "event")}: ${verdict}.`);
  return differences === 0 ? 0 : 1;
};

const options = {
  workspace: { type: "string" },
  to: { type: "string" },
  key: { type: "string", multiple: true },
} as const;
const Asked = z.union([
  z.strictObject({ action: z.literal("export"), workspace: z.string(), to: z.string().optional() }),
  z.strictObject({ action: z.literal("verify"), file: z.string(), key: z.array(z.string()).default([]) }),
  z.strictObject({ action: z.literal("replay"), workspace: z.string().default("all") }),
  z.strictObject({ action: z.literal("replay"), file: z.literal("all") }).transform(() => all),
  z.strictObject({ action: z.enum(["key", "rotate-key"]) }),
]);
const all = { action: "replay", workspace: "all" } as const;

/** Undefined where the arguments do not say what is asked for. */
const askedIn = (args: string[]): z.output<typeof Asked> | undefined => {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [action, file, ...others] = positionals;
    return others.length > 0 ? undefined : Asked.parse({ action, ...(file !== undefined && { file }), ...values });
  } catch {
    return undefined;
  }
};

const answer = (asked: z.output<typeof Asked>): Promise<number> => {
  switch (asked.action) {
    case "export":
      return exported(idIn(asked.workspace), asked.to);
    case "verify":
      return verified(asked.file, asked.key);
    case "replay":
      return replayed(asked.workspace === "all" ? "all" : idIn(asked.workspace));
    case "key":
    case "rotate-key":
      return publicKeys(asked.action === "rotate-key");
  }
};

const expected = [Unanswered, Unavailable, ConfigError, MasterKeyRefused];

const audit = async (args: string[]): Promise<number> => {
  const asked = askedIn(args);
  if (!asked) {
    process.stderr.write(usage);
    return 2;
  }
  try {
    return await answer(asked);
  } catch (error) {
    const isExpected = expected.some((kind) => error instanceof kind);
    if (!(error instanceof Error) || (!isExpected && !("code" in error))) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
};

process.exitCode = await audit(process.argv.slice(2));
