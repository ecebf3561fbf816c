import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ClaimSlug } from "../../src/commands/claims.ts";
import { slugClaim } from "../../src/domain/tenancy/slugClaim.ts";
import { derivedId, idAt, revisionIn } from "../../src/kernel/ids.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { purse, TakeCoins } from "./purse.ts";
import { contextOf, openPurse, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

let backends: WriteSide;
let here: Process;

beforeAll(async () => {
  backends = await startWriteSide();
  here = backends.process();
});
afterAll(() => backends.stop());

const take = (purseId: string, coins: number) =>
  here.handler.handle(TakeCoins, { purseId, coins }, contextOf({ now: "2026-03-01T09:00:00.000Z" }));
const eventsOf = (purseId: string) => Array.fromAsync(here.store.read(`purse-${purseId}`));

describe("an event of a ledger", () => {
  test("has an id that says where it stands, in a batch and where a command writes several", async () => {
    const purseId = await openPurse(here.handler, 10);
    await Promise.all([take(purseId, 1), take(purseId, 1), take(purseId, 8)]);
    const events = await eventsOf(purseId);
    expect(events.map(({ id }) => revisionIn(id))).toEqual([0n, 1n, 2n, 3n, 4n]);
  });

  test("says where it stands also when others wrote first and it was decided again", async () => {
    const purseId = await openPurse(here.handler, 100);
    const others = [backends.process(), backends.process()];
    const from = (process: Process) => process.handler.handle(TakeCoins, { purseId, coins: 1 }, contextOf());
    await Promise.all([here, ...others, here, ...others, here, ...others].map(from));
    const events = await eventsOf(purseId);
    expect(events.map(({ id }) => revisionIn(id))).toEqual(events.map(({ revision }) => revision));
  });

  test("has another id in each delivery of its command", async () => {
    const [one, other] = [backends.process({ isFollowing: false }), backends.process({ isFollowing: false })];
    const purseId = await openPurse(here.handler, 10);
    const context = contextOf({ dryRun: true });
    const tried = [one, other].map(({ handler }) => handler.handle(TakeCoins, { purseId, coins: 1 }, context));
    const ids = (await Promise.all(tried)).map((outcome) => (isRejection(outcome) ? undefined : outcome.answer.id));
    expect(new Set(ids).size).toBe(2);
  });

  test("is found by its id, with one event read", async () => {
    const purseId = await openPurse(here.handler, 10);
    for (const coins of [1, 2, 3]) await take(purseId, coins);
    const [, , event] = await eventsOf(purseId);
    const { id = "", position } = event ?? {};
    const read = vi.spyOn(here.store, "read");
    const found = await here.handler.eventOf(purse, purseId, id);
    expect(found).toMatchObject({ id, position, revision: 2n, type: "CoinsTaken", data: { coins: 2, left: 7 } });
    expect(found?.metadata.occurredAt).toBe("2026-03-01T09:00:00.000Z");
    expect(read.mock.calls).toEqual([[`purse-${purseId}`, 2n, 1]]);
    expect(await here.handler.eventOf(purse, purseId, id.toUpperCase())).toEqual(found);
  });

  test("is not found by an id that is another's, nobody's, or none", async () => {
    const purseId = await openPurse(here.handler, 10);
    const other = await openPurse(here.handler, 10);
    const [ofOther] = await eventsOf(other);
    const ids = [ofOther?.id ?? "", idAt(0n, "made up"), idAt(77n, "beyond"), idAt(2n ** 48n - 1n, "far beyond")];
    for (const id of [...ids, derivedId("not at a revision"), randomUUID(), "", "not an id"])
      expect(await here.handler.eventOf(purse, purseId, id)).toBeUndefined();
    expect(await here.handler.eventOf(purse, randomUUID(), idAt(0n, "no such stream"))).toBeUndefined();
  });
});

test("events of other aggregates have ids that say nothing, and are not found by them", async () => {
  const claimId = randomUUID();
  const input = { claimId, kind: "organization" as const, slug: "acme", ownerId: randomUUID() };
  await here.handler.handle(ClaimSlug, input, contextOf());
  const [event] = await Array.fromAsync(here.store.read(`slug_claim-${claimId}`));
  expect(revisionIn(event?.id ?? "")).not.toBe(0n);
  expect(await here.handler.eventOf(slugClaim, claimId, event?.id ?? "")).toBeUndefined();
});
