import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** What speaks to an event store alone: it starts no Postgres. */
const eventStoreTests = ["test/eventstore/contract/**/*.test.ts", "test/embedded/eventstore/**/*.test.ts"];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "eventstore", include: eventStoreTests } },
      {
        extends: true,
        test: {
          name: "everfold",
          include: ["test/**/*.test.ts"],
          exclude: eventStoreTests,
          globalSetup: ["test/support/globalSetup.ts"],
        },
      },
    ],
    // Node itself loads the files, as it does in production; a loader would only be needed for mocks.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    pool: "forks",
    // Tests wait for databases and child processes more than they compute: two of them fill even a small machine.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Bounds for what hangs, far above what anything takes: no test is there to measure time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // Servers and the program itself run as processes of their own in many tests.
      autoAttachSubprocess: true,
      reporter: ["text-summary", "json-summary", "html"],
      thresholds: { lines: 80, branches: 80 },
    },
  },
});
