import { parseArgs } from "node:util";
import { several } from "./audit/sentences.ts";
import { joinEventStore } from "./backends.ts";
import { environment, readConfig } from "./config.ts";
import { eventStoreDb } from "./eventstore/esdb.ts";
import type { Groups } from "./eventstore/persistentSubscription.ts";
import { createLog } from "./platform/log.ts";

const usage = `Usage: npm run reactions                      how each reaction stands
       npm run reactions -- replay <name>    hands out its parked events again
       npm run reactions -- restart <name>   lets it begin with the first event of all again
Beside a running Everfold as well. An event that fails again is parked again. What a reaction did before it does again
after a restart, to the same effect; what it had parked is forgotten.
`;

const print = (line: string) => process.stdout.write(`${line}\n`);

const show = async (groups: Groups): Promise<void> => {
  const standings = await groups.list();
  if (standings.length === 0) print("No reaction has run on this event store.");
  for (const { name, members, inHand, parked } of standings)
    print(
      `${name}: ${several(members, "process", "processes")}, ${several(inHand, "event")} in hand, ${parked} parked`,
    );
};

const replay = async (groups: Groups, name: string): Promise<void> => {
  await groups.replay(name);
  print(`The parked events of ${name} are handed out again.`);
};

const restart = async (groups: Groups, name: string): Promise<void> => {
  await groups.restart(name);
  print(`${name} begins with the first event again.`);
};

const orders = new Map([
  ["replay", replay],
  ["restart", restart],
]);

const run = async (work: (groups: Groups) => Promise<void>): Promise<void> => {
  await using stack = new AsyncDisposableStack();
  const store = eventStoreDb({ url: await joinEventStore(readConfig(environment()), createLog("error"), stack) });
  stack.defer(() => store.close());
  await work(store.groups);
};

const workOf = ([order, name, ...rest]: readonly string[]): ((groups: Groups) => Promise<void>) | undefined => {
  if (order === undefined) return show;
  const work = orders.get(order);
  return work && name !== undefined && rest.length === 0 ? (groups) => work(groups, name) : undefined;
};

const work = workOf(parseArgs({ allowPositionals: true }).positionals);
if (work) {
  await run(work).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  });
} else {
  process.stderr.write(usage);
  process.exitCode = 2;
}
