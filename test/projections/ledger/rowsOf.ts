import type { Recorded } from "../../../src/kernel/decider.ts";
import type { Projection } from "../../../src/projections/projection.ts";
import { changesInClear, rowsAfter } from "../../spec.ts";

/** The rows that each table of a projection ends up with, when nothing was in it before. */
export const rowsOf = (projection: Projection, history: readonly Recorded[]) => {
  const changes = history.flatMap((event) => changesInClear(projection, event));
  return (table: string) => rowsAfter(changes.filter((change) => change.table.name === table));
};
