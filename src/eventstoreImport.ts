import { copyEventStore } from "./eventstoreCopy.ts";

await copyEventStore({
  unnamed: "to",
  usage: `Usage: npm run eventstore:import -- --from events.ndjson [--to esdb://…] [--verify]
Writes an export into an empty event store, with the same ids, revisions and order, and compares the two.
  --from     the file, or the URL of another event store
  --to       the event store; without it, EVENTSTORE_URL or the embedded one under DATA_DIR
  --verify   only compares
Stopped at any moment, the same command goes on from there.
`,
});
