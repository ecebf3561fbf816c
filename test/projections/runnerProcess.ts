import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { openPool } from "../../src/platform/postgres.ts";
import { runProjections } from "../../src/projections/runner.ts";
import { codec, fillings, jar, jars, log } from "./jars.ts";

/** A runner in a process of its own, to be killed. */
const [, , databaseUrl = "", eventStoreUrl = ""] = process.argv;
const pool = openPool({
  url: databaseUrl,
  role: "everfold_projector",
  max: 3,
  idleTimeoutMs: 10_000,
  statementTimeoutMs: 30_000,
  onError: () => undefined,
});
const store = eventStoreDb({ url: eventStoreUrl });
runProjections({ store, pool, codec, projections: [jars, fillings], sources: [jar], log });
process.send?.("started");
