import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { runReactions } from "../../src/reactions/runner.ts";
import { codec, log } from "../projections/jars.ts";
import { onLabels } from "./labels.ts";

/* A process that begins each effect, says so, and never comes to its end. */
const [url = "", name = "", ...jarIds] = process.argv.slice(2);
const begin = (label: string) => {
  process.send?.(label);
  return new Promise<never>(() => undefined);
};
runReactions({ groups: eventStoreDb({ url }).groups, codec, log, reactions: [onLabels(name, jarIds, begin)] });
