import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { followProjected, type Projected } from "../../src/projections/positions.ts";
import type { Projection } from "../../src/projections/projection.ts";
import { type ProjectionRunner, runProjections } from "../../src/projections/runner.ts";
import {
  codec,
  filled,
  fillings,
  jar,
  jars,
  labelled,
  log,
  opened,
  type ReadSide,
  startReadSide,
  thrownAway,
} from "./readSide.ts";

let side: ReadSide;
let projected: Projected;
beforeAll(async () => {
  side = await startReadSide();
  projected = followProjected(side.pool, [jars, fillings], log);
});
afterAll(async () => {
  await projected.stop();
  await side[Symbol.asyncDispose]();
});

const runners: ProjectionRunner[] = [];
const run = (projections: readonly Projection[] = [jars, fillings], delayMs = 0): ProjectionRunner => {
  const { store, pool } = side;
  const runner = runProjections({ store, pool, codec, projections, sources: [jar], log, delayMs });
  runners.push(runner);
  return runner;
};
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
});
const untilProjected = (position: bigint) => expect(projected.waitFor(position, 30_000)).resolves.toBe(true);

test("what happens is seen in every projection", async () => {
  run();
  const [one, two] = [randomUUID(), randomUUID()];
  await side.happen(one, opened("plum"), filled(3), filled(4));
  await side.happen(two, opened("pear"), filled(1), thrownAway);
  await untilProjected(await side.happen(one, labelled("quince")));
  expect(await side.rowsOf("jars")).toEqual([`(${one},quince,7)`]);
  expect(await side.rowsOf("fillings")).toHaveLength(3);
});
