import { setTimeout as delay } from "node:timers/promises";
import type { StoredEvent } from "../../../src/eventstore/store.ts";
import { derivedId } from "../../../src/kernel/ids.ts";
import { Unavailable } from "../../../src/platform/unavailable.ts";
import type { Delivered } from "../deliver.ts";
import { type Random, seeded, seedMax } from "../random.ts";
import { recorded, type Watched } from "../recording.ts";
import type { Asked, Request } from "../requests.ts";
import { faultIn } from "../streamChecks.ts";
import { nextItems, openingOf, people } from "../workload.ts";
import type { Servers } from "./processes.ts";

export type History = Watched & { fault: string | undefined };

const startMs = Date.parse("2026-01-31T12:00:00.000Z");
const attemptsMax = 100;

/**
 * Several callers ask one ledger through several processes, with what goes wrong on the way. What is asked, of whom and
 * what goes wrong meanwhile follows from the seed; who is first, and how often an answer has to be asked for, does not.
 */
export const runHistory = async (seed: number, servers: Servers, tick: () => number): Promise<History> => {
  const random = seeded(seed);
  const watched: Watched = {
    known: {
      workspaceId: derivedId("history", seed, tick()),
      organizationId: derivedId("organization"),
      planType: random.chance(0.6) ? "pro" : "free",
      ...{ holds: [], transfers: [], transactions: [], asked: [], revision: -1 },
    },
    operations: [],
  };
  const context = { watched, servers, tick, clock: clockOf(random) };
  await open(context, fork(random), fork(random));
  const callers = 2 + random.below(3);
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(context, seeded(seed * 31 + index))));
  const { workspaceId } = watched.known;
  const stream = await readSurely(servers, `credit_ledger-${workspaceId}`);
  return { ...watched, fault: await faultIn({ workspaceId, stream, operations: watched.operations }) };
};

type Context = { watched: Watched; servers: Servers; tick: () => number; clock: Clock };
type Clock = (random: Random) => string;

/** Goes forward, mostly; each process has one of its own, some seconds off. */
const clockOf = (random: Random): Clock => {
  let nowMs = startMs + random.below(86_400_000 * 60);
  return (by) => {
    nowMs += by.chance(0.9) ? by.below(2_000) : by.pick([-3_600_000, 60_000, 3_600_000, 86_400_000, 20 * 86_400_000]);
    return new Date(nowMs + by.below(4_000) - 2_000).toISOString();
  };
};

const idOf = ({ watched, tick }: Context): string => derivedId(watched.known.workspaceId, tick());

const open = async (context: Context, random: Random, sending: Random): Promise<void> => {
  const fresh = (request: Request): Asked[] => [
    { deliveryId: idOf(context), key: idOf(context), now: context.clock(random), actor: random.pick(people), request },
  ];
  await sendSurely(context, sending, fresh(openingOf(context.watched.known)));
  const input = { amount: 50 + random.below(200), description: "start" };
  await sendSurely(context, sending, fresh({ command: "AddCredits", input }));
};

const caller = async (context: Context, random: Random): Promise<void> => {
  const { servers, watched, clock } = context;
  for (let left = 3 + random.below(5); left > 0; left -= 1) {
    // Each with a chance of its own: however much one of them draws, the others are the same.
    const [trouble, asking, sending] = [fork(random), fork(random), fork(random)];
    if (trouble.chance(0.08)) servers.loseAnswer(trouble);
    if (trouble.chance(0.02)) await servers.killOne(trouble);
    if (trouble.chance(0.02)) await servers.forgetCommands();
    if (trouble.chance(0.002)) servers.killStore();
    const items = nextItems(asking, watched.known, clock(asking), () => idOf(context));
    // The same request twice at once, as a caller sends it who is in a hurry.
    const again = trouble.chance(0.1) ? [sendSurely(context, sending, redelivered(context, items))] : [];
    await Promise.all([sendSurely(context, sending, items), ...again]);
  }
};

const fork = (random: Random): Random => seeded(random.below(seedMax));

const redelivered = (context: Context, items: readonly Asked[]): Asked[] =>
  items.map((item) => ({ ...item, deliveryId: idOf(context) }));

/** Until it is known what became of it, or the caller gives up. */
const sendSurely = async (context: Context, random: Random, items: readonly Asked[]): Promise<void> => {
  const isAtomic = items.length > 1 && random.chance(0.5);
  for (let attempts = 0; attempts < attemptsMax; attempts += 1) {
    const sent = attempts === 0 ? items : redelivered(context, items);
    if (await deliver(context, random, sent, isAtomic)) return;
    if (random.chance(0.05)) return;
    await delay(random.below(30));
  }
};

const deliver = (
  { watched, servers, tick }: Context,
  random: Random,
  items: readonly Asked[],
  isAtomic: boolean,
): Promise<Delivered[] | undefined> => {
  const server = servers.pick(random);
  const heard = recorded(watched, items, isAtomic, {
    tick,
    send: () => server.deliver.all(items, isAtomic, watched.known),
    isLost: (error) => error instanceof Unavailable || server.isDead(),
  });
  return Promise.race([heard, server.died]);
};

const readSurely = async (servers: Servers, stream: string): Promise<StoredEvent[]> => {
  for (;;) {
    try {
      return await Array.fromAsync(servers.read(stream));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
  }
};
