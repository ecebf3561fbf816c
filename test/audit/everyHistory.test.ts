import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { replayLedger } from "../../src/audit/replay/replay.ts";
import { verify } from "../../src/audit/verify.ts";
import type { StoredEvent } from "../../src/eventstore/store.ts";
import { linesOf } from "../../src/eventstore/textLines.ts";
import { workspaceId } from "../domain/ledgerStory.ts";
import { requests, storyOf } from "../projections/ledger/stories.ts";
import { writtenLedgers } from "../projections/ledger/written.ts";
import { read, stored } from "./storedStories.ts";

const stack = new AsyncDisposableStack();
let database: Awaited<ReturnType<typeof writtenLedgers>>;
beforeAll(async () => {
  database = await writtenLedgers(stack);
});
afterAll(() => stack.disposeAsync());

async function* exported(events: readonly StoredEvent[]): AsyncGenerator<Buffer> {
  for (const { revision, id, type, data, metadata } of events)
    yield Buffer.from(`${JSON.stringify({ revision: String(revision), id, type, data, metadata })}\n`);
}

test("whatever is asked of a ledger leaves a history that is intact: nobody is accused wrongly", async () => {
  await fc.assert(
    fc.asyncProperty(requests, async (asked) => {
      const { history, ledger } = storyOf(asked);
      const { report, isIntact } = await verify(linesOf(exported(stored(history))), undefined);
      expect([isIntact, report]).toEqual([true, expect.stringContaining(`${history.length} events of ${workspaceId}`)]);
      expect(ledger.status).toBe("open");
    }),
    { numRuns: 500 },
  );
});

test("replay(events) is the read model: no difference, however much of a history is projected", async () => {
  await fc.assert(
    fc.asyncProperty(requests, fc.nat(), async (asked, seed) => {
      const { history } = storyOf(asked);
      const projected = history.slice(0, 1 + (seed % history.length));
      await database.write(projected);
      const [events, seals] = [read(stored(history)), read([])];
      const replayed = await replayLedger({ workspaceId, events, seals, rows: database.projector });
      expect(replayed).toEqual({ events: history.length, differences: [] });
    }),
    { numRuns: 100 },
  );
});
