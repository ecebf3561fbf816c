import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { aborted } from "../../platform/lease.ts";
import { connectTo } from "../connection.ts";
import type { Comparison } from "./comparison.ts";
import { exportToFile, importInto, type OnStep, type Store, verify, verifyExport } from "./copying.ts";
import { filePlace } from "./filePlace.ts";
import type { LedgerOf } from "./ledgerChains.ts";
import { CopyRefused } from "./place.ts";
import { progressBar } from "./progressBar.ts";
import { endOf, storePlace } from "./storePlace.ts";

export type CopyCommand = {
  usage: string;
  args: string[];
  /** The one side that need not be named: the event store of the settings. */
  unnamed: "from" | "to";
  /** Its URL; started for as long as `stack` lives where it is the embedded one. */
  configured(stack: AsyncDisposableStack): Promise<string>;
  ledgerOf: LedgerOf;
  /** Ends it early; what was started is stopped, and the same command goes on from there. */
  signal: AbortSignal;
};

type Side = { kind: "store"; store: Store } | { kind: "file"; path: string };
type Asked = { from: Side; to: Side; isVerifyOnly: boolean };

/** A write that takes longer than this is asked for again. A server gives one up long before. */
const appendTimeoutMs = 30_000;

/** Does what the arguments say, tells how it went, and gives the process's exit code. */
export const runCopy = async (command: CopyCommand): Promise<number> => {
  const named = namedIn(command);
  if (!named) {
    process.stderr.write(command.usage);
    return 2;
  }
  await using stack = new AsyncDisposableStack();
  const bar = progressBar();
  try {
    const side = async (named: string | undefined) => sideOf(named ?? (await command.configured(stack)), stack);
    const asked = { from: await side(named.from), to: await side(named.to), isVerifyOnly: named.verify };
    const how = { ledgerOf: command.ledgerOf, onStep: bar.onStep };
    const report = await Promise.race([copy(asked, how), aborted(command.signal)]);
    if (report === undefined) throw new CopyRefused("Stopped. The same command goes on from here.");
    bar.complete();
    process.stdout.write(`${report}\n`);
    return 0;
  } catch (error) {
    bar.stop();
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return error instanceof CopyRefused ? 1 : 2;
  }
};

type Named = { from: string | undefined; to: string | undefined; verify: boolean };

/** Undefined where the arguments do not say what is asked for. */
const namedIn = ({ args, unnamed }: CopyCommand): Named | undefined => {
  try {
    const { values } = parseArgs({
      args,
      options: { from: { type: "string" }, to: { type: "string" }, verify: { type: "boolean", default: false } },
    });
    const { from, to, verify } = values;
    return (unnamed === "from" ? to : from) === undefined ? undefined : { from, to, verify };
  } catch {
    return undefined;
  }
};

const sideOf = (named: string, stack: AsyncDisposableStack): Side => {
  if (!/^esdb(\+discover)?:\/\//.test(named)) return { kind: "file", path: named };
  const connection = connectTo(named, { appendTimeoutMs });
  stack.defer(() => connection.close());
  return { kind: "store", store: { name: withoutCredentials(named), connection } };
};

const withoutCredentials = (url: string): string => url.replace(/^(\S+?:\/\/)(?:[^/?]*@)?([^/?]*).*$/s, "$1$2");

type How = { ledgerOf: LedgerOf; onStep: OnStep };

/** What is not there now has another name, or is not started: nothing is there to be waited for. */
const firstContactMs = 2_000;

const mustBeThere = async (side: Side): Promise<void> => {
  if (side.kind === "store") await endOf(side.store.connection, side.store.name, firstContactMs);
  else if (!existsSync(side.path)) throw new CopyRefused(`${side.path} is not there.`);
};

const copy = async ({ from, to, isVerifyOnly }: Asked, how: How): Promise<string> => {
  await mustBeThere(from);
  if (to.kind === "store" || isVerifyOnly) await mustBeThere(to);
  const source = from.kind === "store" ? storePlace(from.store.name, from.store.connection) : filePlace(from.path);
  if (to.kind === "store") {
    if (!isVerifyOnly) await importInto(source, to.store, how);
    return report(await verify(source, storePlace(to.store.name, to.store.connection), how), to.store.name);
  }
  if (from.kind === "file") throw new CopyRefused("Both are files: one side is the URL of an event store.");
  if (!isVerifyOnly) await exportToFile(from.store, to.path, how);
  return report(await verifyExport(from.store, to.path, how), to.path);
};

const report = ({ target: { events, streams, sha256 }, chains: { ledgers } }: Comparison, name: string): string =>
  [
    `${name} holds all ${events} events of ${streams} streams, in the same order. SHA-256 of both: ${sha256}`,
    ...(ledgers === 0 ? [] : [`The hash chains of all ledgers are intact: ${ledgers}.`]),
  ].join("\n");
