import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isRejection } from "../../src/kernel/rejection.ts";
import { FillPurse, TakeCoins } from "./purse.ts";
import { coinsIn, contextOf, openPurse, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

let backends: WriteSide;
let here: Process;
let elsewhere: Process;

beforeAll(async () => {
  backends = await startWriteSide();
  here = backends.process();
  elsewhere = backends.process();
});
afterAll(() => backends.stop());

const take = (purseId: string, coins: number, over = {}, process = here) =>
  process.handler.handle(TakeCoins, { purseId, coins }, contextOf(over));
const tryToTake = (purseId: string, coins: number, over = {}, process = here) =>
  take(purseId, coins, { ...over, dryRun: true }, process);
const eventsOf = (purseId: string) => Array.fromAsync(here.store.read(`purse-${purseId}`));

test("a dry run answers what would be, says where the stream stands, and writes nothing", async () => {
  const purseId = await openPurse(here.handler, 10);
  const { position } = await here.handler.stateOf(FillPurse.on, purseId);
  const context = contextOf();
  expect(await tryToTake(purseId, 4, context)).toEqual({
    answer: { id: expect.stringMatching(/^00000000-0001-8/), coins: 4, left: 6, at: context.now },
    revision: 0n,
    position,
    replayed: false,
  });
  expect(await eventsOf(purseId)).toHaveLength(1);
  expect(await coinsIn(here.handler, purseId)).toBe(10);
});

test("a dry run remembers nothing under its key: the same key is free for the real one, and for another", async () => {
  const purseId = await openPurse(here.handler, 10);
  const [one, other] = [contextOf(), contextOf()];
  for (const context of [one, other]) await tryToTake(purseId, 4, context);
  expect(await take(purseId, 4, one)).toMatchObject({ answer: { left: 6 }, replayed: false });
  expect(await take(purseId, 5, other)).toMatchObject({ answer: { left: 1 }, replayed: false });
});

test("a dry run with a key that was used gives the first answer, or is refused for other input", async () => {
  const purseId = await openPurse(here.handler, 10);
  const context = contextOf();
  const first = await take(purseId, 4, context);
  await take(purseId, 1);
  expect(await tryToTake(purseId, 4, context)).toEqual({ ...first, replayed: true });
  expect(await tryToTake(purseId, 5, context)).toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
});

test("a dry run is decided in its place among those that wait, and those after it know nothing of it", async () => {
  const purseId = await openPurse(here.handler, 10);
  const outcomes = await Promise.all([
    take(purseId, 4),
    tryToTake(purseId, 5),
    tryToTake(purseId, 7),
    take(purseId, 3),
    tryToTake(purseId, 3),
  ]);
  expect(outcomes.map((outcome) => (isRejection(outcome) ? outcome.code : outcome.answer.left))).toEqual([
    6,
    1,
    "TOO_FEW_COINS",
    3,
    0,
  ]);
  expect(await eventsOf(purseId)).toHaveLength(3);
});

test("a dry run does not rest on what another process has changed meanwhile", async () => {
  const behind = backends.process({ isFollowing: false });
  const purseId = await openPurse(behind.handler, 10);
  await elsewhere.handler.handle(FillPurse, { purseId, coins: 5 }, contextOf());
  expect(await tryToTake(purseId, 12, {}, behind)).toMatchObject({ answer: { left: 3 }, revision: 1n });
  await take(purseId, 15, {}, elsewhere);
  expect(await tryToTake(purseId, 1, {}, behind)).toMatchObject({ code: "TOO_FEW_COINS", details: { coins: 0 } });
});

test("a dry run meant for an older revision is refused as the real one", async () => {
  const purseId = await openPurse(here.handler, 10);
  await take(purseId, 1);
  expect(await tryToTake(purseId, 1, { expectedRevision: 0n })).toMatchObject({ code: "REVISION_MISMATCH" });
});

test("a dry run changes nothing, and the real call then gives what it gave (>= 100 runs)", async () => {
  const step = fc.record({ kind: fc.constantFrom("fill", "take"), coins: fc.integer({ min: 1, max: 20 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const purseId = await openPurse(here.handler, 10);
      for (const [index, { kind, coins }] of steps.entries()) {
        const command = kind === "fill" ? FillPurse : TakeCoins;
        const context = contextOf();
        const ask = (over: object) => here.handler.handle(command, { purseId, coins }, { ...context, ...over });
        const before = await eventsOf(purseId);
        const tried = await ask({ dryRun: true });
        expect(await eventsOf(purseId)).toEqual(before);
        // Others may come in between as long as they, too, are only tried.
        await Promise.all([tryToTake(purseId, 1), tryToTake(purseId, index + 1)]);
        const done = await ask({});
        expect(toldBy(tried)).toEqual(toldBy(done));
      }
    }),
    { numRuns: 100, endOnFailure: true },
  );
});

/** Without what only being written gives: revision, position, and of the id all but where it stands. */
const toldBy = (outcome: Awaited<ReturnType<typeof take>>) => {
  if (isRejection(outcome)) return outcome;
  const { answer, replayed } = outcome;
  return { ...answer, id: answer.id.slice(0, 15), replayed };
};
