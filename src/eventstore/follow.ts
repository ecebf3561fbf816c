import { setTimeout as delay } from "node:timers/promises";
import { type Connection, isUnavailability } from "./connection.ts";
import type { EventStore, Followed } from "./store.ts";
import { decodeRead, encodeSubscribe } from "./wire/readMessages.ts";

const backoffMinMs = 50;
const backoffMaxMs = 2_000;
/** How many events the store looks at between two reports of how far it is. */
const searchWindow = 500;

type Follow = EventStore["follow"];

/** A subscription that outlives its connections: what it gives is one gapless sequence without repetitions. */
export const followOver = (connection: Connection): Follow =>
  async function* follow({ after, categories, signal, onDisconnect }) {
    if (categories.length === 0) throw new Error("there are no categories to follow");
    let position = after;
    let failures = 0;
    while (!signal.aborted) {
      try {
        for await (const items of subscription(connection, position, categories, signal)) {
          failures = 0;
          for (const item of items) {
            const at = positionOf(item);
            if (at !== undefined && at <= position) continue;
            position = at ?? position;
            yield item;
            if (signal.aborted) return;
          }
        }
      } catch (error) {
        if (!signal.aborted && !isUnavailability(error)) throw error;
      }
      if (signal.aborted) return;
      onDisconnect?.();
      const wait = Math.min(backoffMaxMs, backoffMinMs * 2 ** failures) * (0.5 + Math.random() / 2);
      failures += 1;
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  };

const positionOf = (item: Followed): bigint | undefined => {
  if (item.kind === "caughtUp") return undefined;
  return item.kind === "passed" ? item.position : item.event.position;
};

/** Until its connection breaks, which throws or simply ends. */
async function* subscription(
  connection: Connection,
  after: bigint,
  categories: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<readonly Followed[]> {
  const session = await connection.session();
  if (signal.aborted) return;
  const prefixes = categories.map((category) => `${category}-`);
  const answers = session.ask("Read", encodeSubscribe({ after, prefixes, searchWindow }));
  const end = () => answers.breakOff();
  signal.addEventListener("abort", end, { once: true });
  try {
    for await (const messages of answers) yield messages.flatMap((message) => decodeRead(message) ?? []);
  } catch (error) {
    if (!signal.aborted && isUnavailability(error)) session.retire();
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
  }
}
