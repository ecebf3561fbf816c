import { rm } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { exportToFile, importInto, verify, verifyExport } from "../../../src/eventstore/copy/copying.ts";
import { filePlace } from "../../../src/eventstore/copy/filePlace.ts";
import { storePlace } from "../../../src/eventstore/copy/storePlace.ts";
import { deeds, inOrder, perform, visible } from "./history.ts";
import { folder, how, type OwnStore, ownStore } from "./stores.ts";

const stack = new AsyncDisposableStack();
let source: OwnStore;
let target: OwnStore;
let directory: string;
beforeAll(async () => {
  [source, target, directory] = await Promise.all([
    ownStore(stack, "the source"),
    ownStore(stack, "the target"),
    folder(stack),
  ]);
});
afterAll(() => stack.disposeAsync());

/** A hundred histories take a while on a machine that is busy. */
vi.setConfig({ testTimeout: 300_000 });

test("whatever was done to a store, its copy shows the same everywhere and in the same order", async () => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(deeds, async (all) => {
      round += 1;
      const prefix = `${round}/`;
      await perform(source.client, prefix, all);
      const file = join(directory, `${round}.ndjson`);
      await exportToFile(source.store, file, how);
      await verifyExport(source.store, file, how);
      await importInto(filePlace(file), target.store, how);
      const there = storePlace(target.store.name, target.store.connection);
      const { source: wanted, target: found } = await verify(filePlace(file), there, how);
      await rm(file);

      expect(found).toEqual(wanted);
      expect(await visible(target.client, prefix)).toEqual(await visible(source.client, prefix));
      expect(await inOrder(target.client)).toEqual(await inOrder(source.client));
    }),
    // All rounds go on in the same two stores: a smaller example would only find them as the failed one left them.
    { numRuns: 100, endOnFailure: true },
  );
});
