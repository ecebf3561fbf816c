import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { metadataAppends, newAppends, repeatedAppends } from "./appends.ts";
import { softDeletions, tombstones } from "./deletions.ts";
import { type NodeUnderTest, startNode } from "./nodeUnderTest.ts";
import { allReads, streamReads } from "./reads.ts";
import { restarts } from "./restarts.ts";
import { type Command, finish, startingModel } from "./session.ts";
import { readAll, type Store } from "./specification.ts";
import { allSubscriptions, resumptions, streamSubscriptions } from "./subscriptions.ts";

const commands = fc.commands(
  [
    fc.oneof(
      { weight: 24, arbitrary: newAppends },
      { weight: 20, arbitrary: repeatedAppends },
      { weight: 8, arbitrary: metadataAppends },
      { weight: 8, arbitrary: softDeletions },
      { weight: 2, arbitrary: tombstones },
      { weight: 12, arbitrary: streamReads },
      { weight: 10, arbitrary: allReads },
      { weight: 5, arbitrary: streamSubscriptions },
      { weight: 4, arbitrary: allSubscriptions },
      { weight: 4, arbitrary: resumptions },
      { weight: 1, arbitrary: restarts },
    ),
  ],
  { maxCommands: 40, size: "max" },
);

type Kept = { readonly node: NodeUnderTest; readonly store: Store };
let kept: Kept | undefined;

/** A store goes from run to run, so that it is full of other things, until a run finds fault with it. */
async function run(commands: Iterable<Command>): Promise<void> {
  const { node, store } = kept ?? (await freshStore());
  kept = undefined;
  const model = startingModel(store);
  try {
    await fc.asyncModelRun(async () => ({ model, real: { node } }), commands);
    await finish(model, { node });
    kept = { node, store: model.store };
  } finally {
    if (kept === undefined) await node.end();
  }
}

async function freshStore(): Promise<Kept> {
  const node = await startNode();
  const log = (await node.commits()).map((event) => ({ ...event, id: undefined }));
  return { node, store: { log, remembersFrom: 0 } };
}

afterAll(() => kept?.node.end());

/** Once something is wrong, so many shorter ways to it are tried, each on a store of its own, within so much time. */
const shrinksMax = 80;
const timeout = 600_000;

test("whatever is asked of the store, in whatever order, it answers as the specification says", {
  timeout,
}, async () => {
  await fc.assert(fc.asyncProperty(fc.limitShrink(commands, shrinksMax), run), { numRuns: 150 });
  await run([]);
  if (kept === undefined) throw new Error("No store is left.");
  const { node, store } = kept;
  const everything = {
    from: undefined,
    direction: "forwards",
    maxCount: store.log.length + 1,
    resolvesLinks: true,
  } as const;
  expect(await node.readAll(everything)).toEqual(readAll(store, everything).map(node.expectation));
});
