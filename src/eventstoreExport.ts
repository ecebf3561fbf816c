import { copyEventStore } from "./eventstoreCopy.ts";

await copyEventStore({
  unnamed: "from",
  usage: `Usage: npm run eventstore:export -- --to events.ndjson [--from esdb://…] [--verify]
Writes everything in an event store, in order, into a file that is not there yet, and compares the two.
  --from     the event store; without it, EVENTSTORE_URL or the embedded one under DATA_DIR
  --to       the file, or the URL of another event store
  --verify   only compares
Stopped at any moment, the same command goes on from there.
`,
});
