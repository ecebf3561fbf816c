import type { Connection } from "../connection.ts";
import { appenderTo } from "./appender.ts";
import { type Comparison, compare } from "./comparison.ts";
import type { End } from "./eventLine.ts";
import { endOfFile, filePlace } from "./filePlace.ts";
import { fileWriter } from "./fileWriter.ts";
import { importEvents } from "./importing.ts";
import type { LedgerOf } from "./ledgerChains.ts";
import { CopyRefused, type Place, type Reading } from "./place.ts";
import { endOf, eventAt, storePlace } from "./storePlace.ts";
import { unlike } from "./unlike.ts";

/** A store to copy from or to. `name` is for people and holds no credentials. */
export type Store = { name: string; connection: Connection };
/** Hears what is being done, and how far it is. */
export type OnStep = (step: "reading" | "writing" | "verifying") => (reading: Reading) => void;
type How = { ledgerOf: LedgerOf; onStep: OnStep };

/** Everything a store holds when this begins, into a file that must not be there yet. Goes on where it was ended. */
export const exportToFile = async ({ name, connection }: Store, path: string, { onStep }: How): Promise<End> => {
  const writer = await fileWriter(path);
  try {
    const { last } = writer;
    if (last) {
      const there = await eventAt(connection, name, last.position);
      if (!there || unlike(there, last) !== undefined)
        throw new CopyRefused(`${path}.partial holds events of another store than ${name}. Move it away.`);
    }
    const until = await endOf(connection, name);
    const place = storePlace(name, connection, { after: last?.position ?? -1n, until });
    for await (const event of place.events(onStep("writing"))) await writer.add(event);
    return await writer.complete(until);
  } finally {
    await writer.close();
  }
};

/**
 * Everything from `source` into a store. What is there already must be the source's beginning, which an earlier
 * attempt has written.
 */
export const importInto = async (source: Place, target: Store, { ledgerOf, onStep }: How): Promise<void> => {
  const there = storePlace(target.name, target.connection);
  const { difference, present, missing } = await compare(source, there, { ledgerOf, onReading: onStep("reading") });
  if (difference !== undefined)
    throw new CopyRefused(`${target.name} is not empty, and holds something else: ${difference}. Nothing was written.`);
  if (missing === undefined) return;
  const appender = appenderTo(target.name, target.connection);
  await importEvents(source.events(onStep("writing")), present, appender);
};

/** Reads both to the end. Throws `CopyRefused` when the target is not what the source is. */
export const verify = async (source: Place, target: Place, { ledgerOf, onStep }: How): Promise<Comparison> => {
  const comparison = await compare(source, target, { ledgerOf, onReading: onStep("verifying") });
  const { difference, missing, chains } = comparison;
  if (difference !== undefined) throw new CopyRefused(`They are not the same: ${difference}.`);
  if (missing !== undefined) throw new CopyRefused(`${target.name} is not complete: ${missing} is not in it.`);
  if (comparison.source.sha256 !== comparison.target.sha256)
    throw new CopyRefused(
      `They are not the same: SHA-256 ${comparison.source.sha256} and ${comparison.target.sha256}.`,
    );
  if (chains.broken !== undefined) throw new CopyRefused(`The chain of a ledger is broken at ${chains.broken}.`);
  return comparison;
};

/** A file against its store, which may have gone on since. */
export const verifyExport = async ({ name, connection }: Store, path: string, how: How): Promise<Comparison> => {
  const { until } = await endOfFile(path);
  return verify(storePlace(name, connection, { until }), filePlace(path), how);
};
