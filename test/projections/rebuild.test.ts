import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { withLease } from "../../src/platform/lease.ts";
import { followProjected, type Projected } from "../../src/projections/positions.ts";
import { insert, type Projection, projection, set } from "../../src/projections/projection.ts";
import { rebuild } from "../../src/projections/rebuild.ts";
import { type ProjectionRunner, runProjections } from "../../src/projections/runner.ts";
import { codec, filled, fillings, jar, jars, jarsTable, labelled, log, opened, poisonLabel } from "./jars.ts";
import { type ReadSide, startReadSide, until } from "./readSide.ts";

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

const runners: { stop(): Promise<void> }[] = [];
const run = (projections: readonly Projection[] = [jars, fillings]): ProjectionRunner => {
  const { store, pool } = side;
  const runner = runProjections({ store, pool, codec, projections, sources: [jar], log });
  runners.push(runner);
  return runner;
};
const stop = () => Promise.all(runners.splice(0).map((runner) => runner.stop()));
afterEach(stop);

const never = new AbortController().signal;
type How = Partial<Parameters<typeof rebuild>[2]>;
const rebuildByHand = (which: Projection, how: How = {}, projections: readonly Projection[] = [jars, fillings]) => {
  const { store, pool } = side;
  return rebuild({ store, pool, codec, projections, log }, which, { signal: never, isAsked: true, ...how });
};
const untilProjected = (position: bigint) => expect(projected.waitFor(position, 30_000)).resolves.toBe(true);
const jarRow = async (jarId: string) => (await side.rowsOf("jars")).find((row) => row.includes(jarId));
const checkpointOf = async (name: string) => {
  const { rows } = await side.superuser.query(
    "select version, position::text, generation from runtime.checkpoints where projection = $1",
    [name],
  );
  return rows;
};
const copies = async () => {
  const { rows } = await side.superuser.query("select tablename from pg_tables where schemaname = 'rebuild'");
  return rows.map(({ tablename }) => tablename);
};
const fill = async (count: number) => {
  let position = -1n;
  for (let each = 0; each < count; each += 1) {
    const jarId = randomUUID();
    position = await side.happen(jarId, opened(), filled(each), filled(1), labelled(`jar ${each}`));
  }
  return position;
};

test("ES-05: a rebuild gives the same rows while events keep coming, and nobody sees a gap", async () => {
  run();
  await untilProjected(await fill(100));
  const counted = async () => (await side.pool.query("select count(*)::int as rows from read_model.jars")).rows[0].rows;
  let isGoingOn = true;
  let written = 0;
  const hot = randomUUID();
  await side.happen(hot, opened());
  const load = (async () => {
    while (isGoingOn) {
      await side.happen(randomUUID(), opened(), filled(1));
      await side.happen(hot, filled(1));
      written += 1;
    }
  })();
  const watch = (async () => {
    for (let seen = await counted(); isGoingOn; ) {
      const now = await counted();
      expect(now).toBeGreaterThanOrEqual(seen);
      seen = now;
    }
  })();
  for (const which of [jars, fillings, jars]) await rebuildByHand(which);
  isGoingOn = false;
  await Promise.all([load, watch]);

  await untilProjected(await side.store.head());
  expect(await jarRow(hot)).toBe(`(${hot},jam,${written})`);
  expect(await counted()).toBe(101 + written);
  const live = { jars: await side.rowsOf("jars"), fillings: await side.rowsOf("fillings") };
  await rebuildByHand(jars);
  await rebuildByHand(fillings);
  expect({ jars: await side.rowsOf("jars"), fillings: await side.rowsOf("fillings") }).toEqual(live);
  expect(await copies()).toEqual([]);
});

test("ES-05: on a stopped system rows that somebody spoilt are put right, to where the checkpoint stands", async () => {
  run();
  const jarId = randomUUID();
  await untilProjected(await side.happen(jarId, opened(), filled(3)));
  await stop();
  const before = await side.rowsOf("jars");
  await side.happen(jarId, filled(4));
  await side.pool.query("update read_model.jars set content = content + 1");
  await side.pool.query("insert into read_model.jars values ($1, 'nobody knows', 0)", [randomUUID()]);
  const progress: string[] = [];
  await rebuildByHand(jars, { onProgress: ({ position, target }) => progress.push(`${position}/${target}`) });
  expect(await side.rowsOf("jars")).toEqual(before);
  expect(progress.length).toBeGreaterThan(0);

  run();
  await untilProjected(await side.store.head());
  expect(await jarRow(jarId)).toBe(`(${jarId},jam,7)`);
});

test("ES-05: a rebuild that is killed leaves the rows as they were; the next one starts over", async () => {
  run();
  await untilProjected(await fill(10));
  const before = await side.rowsOf("jars");
  const killed = rebuildByHand(jars, { onProgress: () => void side.cutConnections() });
  await expect(killed).rejects.toThrow();
  expect(await copies()).toContain("jars");
  const aborted = new AbortController();
  await expect(rebuildByHand(jars, { signal: aborted.signal, onProgress: () => aborted.abort() })).rejects.toThrow();
  expect(await side.rowsOf("jars")).toEqual(before);

  await rebuildByHand(jars);
  expect(await side.rowsOf("jars")).toEqual(before);
  expect(await copies()).toEqual([]);
});

/** The next version of the code: labels in capitals, and the poison swallowed. */
const jarsInCapitals = projection({
  ...jars,
  version: 2,
  of: [jar],
  when: {
    ...(jars.when as never as Record<"JarFilled" | "JarThrownAway", never>),
    JarOpened: ({ jarId, label }) => insert(jarsTable, { id: jarId, label: label.toUpperCase(), content: 0 }),
    JarLabelled: ({ jarId, label }) => set(jarsTable, { id: jarId }, { label: label.toUpperCase() }),
  },
});

test("a changed projection is rebuilt beside the live rows, parked events included", async () => {
  run();
  const [jarId, bad] = [randomUUID(), randomUUID()];
  await side.happen(jarId, opened("plum"), filled(1));
  await untilProjected(await side.happen(bad, opened(), labelled(poisonLabel), filled(2)));
  expect(await jarRow(bad)).toBe(`(${bad},jam,0)`);
  await stop();

  const runner = run([jarsInCapitals, fillings]);
  const current = followProjected(side.pool, [jarsInCapitals, fillings], log);
  runners.push(current);
  await until(async () => (await checkpointOf("jars"))[0]?.version === 2);
  expect(await current.waitFor(await side.happen(jarId, filled(1)), 30_000)).toBe(true);
  expect(await jarRow(jarId)).toBe(`(${jarId},PLUM,2)`);
  expect(await jarRow(bad)).toBe(`(${bad},POISON,2)`);
  const { rows: parked } = await side.pool.query("select from runtime.parked_events");
  expect(parked).toEqual([]);
  await until(() => runner.status().rebuilding.length === 0);
  await stop();

  // The code of before comes back: it leaves rows alone that it does not know.
  const older = run();
  await until(() => older.status().newer.includes("jars"));
  expect(await projected.waitFor(await side.happen(jarId, filled(1)), 30_000, [fillings])).toBe(true);
  expect(await jarRow(jarId)).toBe(`(${jarId},PLUM,2)`);
  await stop();
  await rebuildByHand(jars);
  expect(await jarRow(jarId)).toBe(`(${jarId},plum,3)`);
});

test("ES-06: old rows are not shown as current while a changed projection is rebuilt", async () => {
  run();
  const jarId = randomUUID();
  await untilProjected(await side.happen(jarId, opened("plum")));
  await stop();
  const rebuilding = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const holding = withLease(side.pool, "rebuild jars", { signal: never }, async () => {
    held.resolve();
    await rebuilding.promise;
  });
  await held.promise;

  run([jarsInCapitals, fillings]);
  const current = followProjected(side.pool, [jarsInCapitals, fillings], log);
  runners.push(current);
  const position = await side.happen(jarId, filled(1));
  expect(await current.waitFor(position, 30_000, [fillings])).toBe(true);
  expect(await current.waitFor(position, 0, [jarsInCapitals])).toBe(false);
  expect(await current.waitFor(position, 0, [jarsInCapitals, fillings])).toBe(false);
  expect(await jarRow(jarId)).toBe(`(${jarId},plum,0)`);

  rebuilding.resolve();
  await holding;
  expect(await current.waitFor(position, 30_000, [jarsInCapitals])).toBe(true);
  expect(await jarRow(jarId)).toBe(`(${jarId},PLUM,1)`);
  await stop();
  await rebuildByHand(jars);
});

test("a running runner learns of a rebuild that freed a stream", async () => {
  const bad = randomUUID();
  run();
  await untilProjected(await side.happen(bad, opened(), labelled(poisonLabel)));
  await side.pool.query("delete from runtime.parked_events where stream <> $1", [`jar-${bad}`]);
  const mended = { ...jarsInCapitals, version: 1 };
  await rebuildByHand(mended, {}, [mended, fillings]);
  await untilProjected(await side.happen(bad, filled(7)));
  expect(await jarRow(bad)).toBe(`(${bad},POISON,7)`);
});

test("a new projection is filled beside, and only its readers wait for it", async () => {
  run();
  await untilProjected(await fill(3));
  await stop();
  await side.pool.query("delete from runtime.checkpoints where projection = 'fillings'");
  await side.pool.query("delete from read_model.fillings");
  run();
  const position = await side.happen(randomUUID(), opened());
  expect(await projected.waitFor(position, 30_000, [jars])).toBe(true);
  await until(async () => (await checkpointOf("fillings")).length === 1);
  await untilProjected(await side.store.head());
  const { rows } = await side.pool.query("select count(*)::int as fillings from read_model.fillings");
  expect(rows[0].fillings).toBeGreaterThanOrEqual(6);
});
