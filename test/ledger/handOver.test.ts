import { expect, test } from "vitest";
import { DebitCredits } from "../../src/commands/credits/debits.ts";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import { commandHandler } from "../../src/commands/handler.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { derivedId } from "../../src/kernel/ids.ts";
import { contextOf } from "../commands/writeSide.ts";
import { seeded } from "./random.ts";
import { simulatedMemory } from "./simulation/simulatedMemory.ts";
import { simulatedStore } from "./simulation/simulatedStore.ts";
import { virtualTime, within } from "./simulation/virtualTime.ts";

const noFaults = { lost: 0, repeated: 0, slow: 0, broken: 0, forgetful: 0 };
const noKeys = { keysToRead: async () => new Map(), keysToWrite: async () => new Map() };

test("BILL-11: a key counts once also where the memory took a later fold and not the one before it", async () => {
  const random = seeded(1);
  const time = virtualTime(Date.parse("2026-03-01T09:00:00Z"));
  await within(time, random, async () => {
    const store = simulatedStore(time, random, noFaults);
    const { memory } = simulatedMemory(time, random, noFaults).connect();
    let asked = 0;
    const handler = commandHandler({
      store: store.connect().store,
      codec: eventCodec(noKeys),
      categories: [],
      hashInput: (text) => text,
      limits: { lanesMax: 1, snapshotEvery: 2 },
      memory: {
        ...memory,
        keep: async (...fold) => {
          asked += 1;
          if (asked > 1) return memory.keep(...fold);
          await time.sleep(100);
          throw new Error("the first fold is not taken, and that comes late");
        },
      },
    });
    const [workspaceId, other] = [derivedId("a"), derivedId("b")];
    const context = () => contextOf({ actor: { kind: "system", id: null }, now: new Date(Date.now()).toISOString() });
    const open = (id: string) =>
      handler.handle(OpenLedger, { workspaceId: id, organizationId: other, planType: "free" }, context());
    const purchase = { workspaceId, amount: 100, description: "Top-up" };
    const underKey = context();
    let isOver = false;

    const asking = async () => {
      await open(workspaceId);
      await handler.handle(AddCredits, purchase, underKey);
      for (let debit = 0; debit < 5; debit += 1)
        await handler.handle(DebitCredits, { workspaceId, amount: 1, description: "Run" }, context());
      // The only lane there is room for is now this one's.
      await open(other);
      await time.sleep(60_000);
      expect(await handler.handle(AddCredits, purchase, underKey)).toMatchObject({ replayed: true });
      isOver = true;
    };
    const ended = asking();
    await time.passUntil(() => isOver);
    await ended;
    const purchases = store.events(`credit_ledger-${workspaceId}`).filter(({ type }) => type === "CreditsPurchased");
    expect(purchases).toHaveLength(1);
  });
});
