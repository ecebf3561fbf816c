import { derivedId } from "../../../src/kernel/ids.ts";
import type { Operation } from "../history.ts";
import { type Random, seeded } from "../random.ts";
import type { Watched } from "../recording.ts";
import type { Asked, Request } from "../requests.ts";
import { faultIn } from "../streamChecks.ts";
import { nextItems, openingOf, people } from "../workload.ts";
import { type VirtualTime, virtualTime, within } from "./virtualTime.ts";
import { type Breakage, idOf, instant, type Process, type World, worldOf } from "./world.ts";

type Run = { fault: string | undefined; operations: readonly Operation[]; events: number };

const startMs = Date.parse("2026-01-31T12:00:00.000Z");
/** One run: some commands, callers and processes, and whatever may befall them. All of it follows from the seed. */
export const simulate = (seed: number, breakage: Breakage = {}): Promise<Run> => {
  const random = seeded(seed);
  const time = virtualTime(startMs + random.below(86_400_000 * 60));
  return within(time, random, () => simulated(time, random, breakage));
};

const simulated = async (time: VirtualTime, random: Random, breakage: Breakage): Promise<Run> => {
  const world = worldOf(time, random, breakage);
  const ledgers = Array.from({ length: random.chance(0.2) ? 2 : 1 }, (_, index) => ledgerOf(index, random));
  const callers = 1 + random.below(4);
  // Short runs meet most in the least time; what takes long to come about needs some that are long.
  let left = random.chance(0.01) ? 120 : 5 + random.below(16);
  let working = callers;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await time.sleep(pauseOf(random));
      if (random.chance(0.12)) time.stepClock(random.pick(standstills));
      const ledger = random.pick(ledgers);
      await world.send(
        ledger,
        nextItems(random, ledger.known, instant(time), () => idOf(time)),
      );
    }
    working -= 1;
  };

  try {
    for (const ledger of ledgers) void opened(world, ledger, time, random);
    await time.passUntil(() => random.chance(0.1) || ledgers.every(({ isOpen }) => isOpen));
    for (let index = 0; index < callers; index += 1) void caller();
    world.trouble(() => working === 0);
    await time.passUntil(() => working === 0);
    await stillServed(world, ledgers, time);
  } catch (error) {
    const operations = ledgers.flatMap((ledger) => ledger.operations);
    return { fault: String(error), operations, events: 0 };
  }
  world.end();
  let fault: string | undefined;
  let events = 0;
  for (const { known, operations } of ledgers) {
    const stream = world.events(known.workspaceId);
    events += stream.length;
    fault ??= await faultIn({ workspaceId: known.workspaceId, stream, operations });
  }
  return { fault, operations: ledgers.flatMap((ledger) => ledger.operations), events };
};

type OpenedLedger = Watched & { isOpen: boolean };

/** Opens it and, since most of what can be asked needs some, gives it credits. */
const opened = async (world: World, ledger: OpenedLedger, time: VirtualTime, random: Random): Promise<void> => {
  const fresh = (request: Request): Asked => ({
    ...{ deliveryId: idOf(time), key: idOf(time), now: instant(time), actor: random.pick(people), request },
  });
  const opening = fresh(openingOf(ledger.known));
  while (!(await world.send(ledger, [{ ...opening, deliveryId: idOf(time) }])));
  ledger.isOpen = true;
  const input = { amount: 50 + random.below(200), description: "start" };
  if (random.chance(0.9)) await world.send(ledger, [fresh({ command: "AddCredits", input })]);
};

const patience = 30;

/** Whatever went wrong, once all is well again each process carries out what it is asked. */
const stillServed = async (world: World, ledgers: readonly OpenedLedger[], time: VirtualTime): Promise<void> => {
  world.calm();
  let isServed: boolean | undefined;
  const ask = async () => {
    for (const ledger of ledgers)
      for (const process of world.processes()) {
        let attempts = 0;
        while (!(await isCarriedOut(world, ledger, process, time)) && attempts < patience) {
          attempts += 1;
          await time.sleep(2_000);
        }
        if (attempts === patience) isServed = false;
      }
    isServed ??= true;
  };
  void ask();
  await time.passUntil(() => isServed !== undefined);
  if (!isServed) throw new Error("nothing is carried out any more, though all is well again");
};

const isCarriedOut = async (world: World, ledger: OpenedLedger, process: Process, time: VirtualTime) => {
  const request: Request = { command: "AdvanceLedger", input: {} };
  const asked = {
    deliveryId: idOf(time),
    key: idOf(time),
    now: instant(time),
    actor: { kind: "system", id: null } as const,
  };
  const outcomes = await world.deliver(ledger, [{ ...asked, request }], false, process);
  const told = outcomes?.[0]?.told;
  return told !== undefined && (told.kind === "accepted" || told.code === "RESOURCE_NOT_FOUND");
};

const ledgerOf = (index: number, random: Random): OpenedLedger => ({
  known: {
    workspaceId: derivedId("simulated", index),
    organizationId: derivedId("organization"),
    planType: random.chance(0.6) ? "pro" : "free",
    ...{ holds: [], transfers: [], transactions: [], asked: [], revision: -1 },
  },
  operations: [],
  isOpen: false,
});

const pauseOf = (random: Random): number => (random.chance(0.65) ? random.below(4) : random.below(3_000));
/** For so long nothing runs, and then the clock is set: ledgers get old in no time. */
const standstills = [60_000, 3_600_000, 86_400_000, 100 * 86_400_000];
