import { z } from "zod";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { event } from "../../src/kernel/decider.ts";
import { createLog } from "../../src/platform/log.ts";
import { add, ignore, insert, projection, remove, set, table } from "../../src/projections/projection.ts";

const Jar = z.object({ jarId: z.uuid() });
/** A small world of its own: jars that are opened, filled, labelled and thrown away. */
export const jar = {
  category: "jar",
  events: {
    JarOpened: event(Jar.extend({ label: z.string() })),
    JarFilled: event(Jar.extend({ amount: z.int() })),
    JarLabelled: event(Jar.extend({ label: z.string() })),
    JarThrownAway: event(Jar),
  },
};

export const jarsTable = table("jars", { id: "uuid", label: "text null", content: "bigint" }, ["id"]);
const fillingsTable = table("fillings", { id: "uuid", jar_id: "uuid", amount: "bigint" }, ["id"]);

/** The label that the projection stumbles over; Postgres stumbles over a content above 2^63 by itself. */
export const poisonLabel = "poison";

export const jars = projection({
  name: "jars",
  version: 1,
  tables: [jarsTable],
  of: [jar],
  when: {
    JarOpened: ({ jarId, label }) => insert(jarsTable, { id: jarId, label, content: 0 }),
    JarFilled: ({ jarId, amount }) => add(jarsTable, { id: jarId }, { content: amount }),
    JarLabelled: ({ jarId, label }) => {
      if (label === poisonLabel) throw new Error("no such label");
      return set(jarsTable, { id: jarId }, { label });
    },
    JarThrownAway: ({ jarId }) => remove(jarsTable, { id: jarId }),
  },
});

export const fillings = projection({
  name: "fillings",
  version: 1,
  tables: [fillingsTable],
  of: [jar],
  when: {
    JarOpened: ignore,
    JarFilled: ({ jarId, amount }, { id }) => insert(fillingsTable, { id, jar_id: jarId, amount }),
    JarLabelled: ignore,
    JarThrownAway: ignore,
  },
});

export const opened = (label = "jam") => ({ type: "JarOpened", data: { label } });
export const filled = (amount: number) => ({ type: "JarFilled", data: { amount } });
export const labelled = (label: string) => ({ type: "JarLabelled", data: { label } });
export const thrownAway = { type: "JarThrownAway", data: {} };
export type Happened = { type: string; data: Record<string, unknown> };

/** No event here has personal data, so no key is ever asked for. */
const noKeys = async () => new Map<string, Uint8Array>();
export const codec = eventCodec({ keysToRead: noKeys, keysToWrite: noKeys });
export const log = createLog(process.env["LOG_LEVEL"] ?? "silent");
