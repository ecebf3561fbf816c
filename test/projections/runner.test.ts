import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { followProjected, type Projected } from "../../src/projections/positions.ts";
import type { Projection } from "../../src/projections/projection.ts";
import { type ProjectionRunner, runProjections } from "../../src/projections/runner.ts";
import { codec, filled, fillings, jar, jars, labelled, log, opened, poisonLabel, thrownAway } from "./jars.ts";
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

const runners: ProjectionRunner[] = [];
const run = (options: { projections?: readonly Projection[]; delayMs?: number } = {}): ProjectionRunner => {
  const { store, pool } = side;
  const runner = runProjections({ store, pool, codec, projections: [jars, fillings], sources: [jar], log, ...options });
  runners.push(runner);
  return runner;
};
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
});

const untilProjected = (position: bigint) => expect(projected.waitFor(position, 30_000)).resolves.toBe(true);
const jarRow = async (jarId: string) => (await side.rowsOf("jars")).find((row) => row.includes(jarId));
const fillingsOf = async (jarId: string) => (await side.rowsOf("fillings")).filter((row) => row.includes(jarId));
const parkedIn = async (jarId: string) => {
  const { rows } = await side.pool.query(
    "select projection, type, error from runtime.parked_events where stream = $1 order by position",
    [`jar-${jarId}`],
  );
  return rows.map(({ projection, type, error }) => [projection, type, error]);
};

test("what happens is seen in every projection", async () => {
  run();
  const [one, two] = [randomUUID(), randomUUID()];
  await side.happen(one, opened("plum"), filled(3), filled(4));
  await side.happen(two, opened("pear"), filled(1), thrownAway);
  await untilProjected(await side.happen(one, labelled("quince")));
  expect([await jarRow(one), await jarRow(two)]).toEqual([`(${one},quince,7)`, undefined]);
  expect(await fillingsOf(one)).toHaveLength(2);
  expect(await fillingsOf(two)).toHaveLength(1);
});

test("FND-22: a runner that is stopped has noted how far it came, and the next one goes on from there", async () => {
  const jarId = randomUUID();
  const first = run();
  await untilProjected(await side.happen(jarId, opened(), filled(1)));
  await first.stop();
  expect(first.status().role).toBe("stopped");
  const position = await side.happen(jarId, filled(10));
  const second = run();
  await untilProjected(position);
  expect(await jarRow(jarId)).toBe(`(${jarId},jam,11)`);
  expect(second.status()).toMatchObject({ role: "running", position, problem: null, parkedStreams: 0 });
});

test("ES-08: a poison event is parked, its stream waits behind it, and everything else goes on", async () => {
  const runner = run();
  const [bad, good] = [randomUUID(), randomUUID()];
  await side.happen(bad, opened(), filled(1), labelled(poisonLabel), filled(2));
  await side.happen(good, opened(), filled(5));
  await untilProjected(await side.happen(bad, filled(4)));

  expect(await jarRow(bad)).toBe(`(${bad},jam,1)`);
  expect(await fillingsOf(bad)).toHaveLength(3);
  expect(await jarRow(good)).toBe(`(${good},jam,5)`);
  const waits = "waits behind an earlier event of its stream";
  expect(await parkedIn(bad)).toEqual([
    ["jars", "JarLabelled", "no such label"],
    ["jars", "JarFilled", waits],
    ["jars", "JarFilled", waits],
  ]);
  expect(runner.status()).toMatchObject({ poisoned: 1, parkedStreams: 1 });
});

test("ES-08: the streams that wait are known to the next runner as well", async () => {
  const first = run();
  const bad = randomUUID();
  await untilProjected(await side.happen(bad, opened(), labelled(poisonLabel)));
  await first.stop();
  run();
  await untilProjected(await side.happen(bad, filled(4)));
  expect(await jarRow(bad)).toBe(`(${bad},jam,0)`);
  expect(await parkedIn(bad)).toHaveLength(2);
});

test("ES-08: what Postgres refuses, and what cannot be decoded, is parked as well", async () => {
  run();
  const [huge, odd] = [randomUUID(), randomUUID()];
  const most = Number.MAX_SAFE_INTEGER;
  await side.happen(huge, opened(), ...Array.from({ length: 1_025 }, () => filled(most)));
  await untilProjected(await side.happen(odd, opened(), { type: "JarFilled", data: { amount: "much" } }, filled(1)));
  expect(await parkedIn(huge)).toEqual([["jars", "JarFilled", "bigint out of range"]]);
  expect(await jarRow(huge)).toBe(`(${huge},jam,${1_024n * BigInt(most)})`);
  expect((await parkedIn(odd)).map(([projection, type]) => [projection, type])).toEqual([
    ["jars", "JarFilled"],
    ["fillings", "JarFilled"],
    ["jars", "JarFilled"],
    ["fillings", "JarFilled"],
  ]);
});

test("two rows that exchange what is unique are no poison, although folded they collide", async () => {
  run();
  const [one, two] = [randomUUID(), randomUUID()];
  await side.owner.query("create unique index on read_model.jars (label) where label like 'unique%'");
  await side.happen(one, opened("unique"));
  await side.happen(one, thrownAway);
  await untilProjected(await side.happen(two, opened("unique")));
  expect(await jarRow(two)).toBe(`(${two},unique,0)`);
  expect(await parkedIn(two)).toEqual([]);
});

test("ES-04: events given again change nothing", async () => {
  const jarId = randomUUID();
  const first = run();
  await untilProjected(await side.happen(jarId, opened(), filled(1), filled(2)));
  const rows = await side.rowsOf("fillings");
  await first.stop();
  // One projection that is far behind makes the runner read everything again, for the other one too.
  await side.pool.query("update runtime.checkpoints set position = -1 where projection = 'fillings'");
  await side.pool.query("delete from read_model.fillings");
  const before = await side.rowsOf("jars");
  run();
  await untilProjected(await side.happen(randomUUID(), opened("last")));
  expect(await side.rowsOf("fillings")).toEqual(rows);
  expect((await side.rowsOf("jars")).filter((row) => !row.includes("last"))).toEqual(before);
});

test("one process runs, and another takes over when it ends", async () => {
  const jarId = randomUUID();
  const [first, second] = [run(), run()];
  await until(() => [first, second].some((runner) => runner.status().role === "running"));
  await until(() => [first, second].some((runner) => runner.status().role === "standby"));
  await untilProjected(await side.happen(jarId, opened(), filled(1)));
  await (first.status().role === "running" ? first : second).stop();
  await untilProjected(await side.happen(jarId, filled(2)));
  expect(await jarRow(jarId)).toBe(`(${jarId},jam,3)`);
});

test("when its connections are cut, a runner makes new ones and goes on", async () => {
  const runner = run();
  const jarId = randomUUID();
  await untilProjected(await side.happen(jarId, opened(), filled(1)));
  await side.cutConnections();
  await untilProjected(await side.happen(jarId, filled(2)));
  expect(await jarRow(jarId)).toBe(`(${jarId},jam,3)`);
  await until(() => runner.status().problem === null);
});

test("when the event store dies and comes back, a runner goes on", async () => {
  run();
  const jarId = randomUUID();
  await untilProjected(await side.happen(jarId, opened(), filled(1)));
  process.kill(side.eventStore.pid, "SIGKILL");
  const position = await vi.waitFor(() => side.happen(jarId, filled(2)), { timeout: 30_000, interval: 100 });
  await untilProjected(position);
  expect(await jarRow(jarId)).toMatch(/jam,3/);
});

test("a batch that takes Postgres too long is written in smaller ones", async () => {
  const jarIds = Array.from({ length: 16 }, () => randomUUID());
  await side.owner.query(`
    create function read_model.slowly() returns trigger language plpgsql as $$
      begin perform pg_sleep(0.03); return new; end $$;
    create trigger slowly before insert on read_model.jars for each row execute function read_model.slowly()`);
  for (const jarId of jarIds) await side.happen(jarId, opened("slow"));
  const pool = side.newPool("everfold_projector", { statementTimeoutMs: 200 });
  const { store } = side;
  runners.push(runProjections({ store, pool, codec, projections: [jars, fillings], sources: [jar], log }));
  await untilProjected(await store.head());
  await side.owner.query("drop trigger slowly on read_model.jars");
  const slow = (await side.rowsOf("jars")).filter((row) => row.includes("slow"));
  expect(slow).toHaveLength(jarIds.length);
});

test("with an artificial delay everything is projected just the same", async () => {
  const runner = run({ delayMs: 500 });
  const jarId = randomUUID();
  const position = await side.happen(jarId, opened(), filled(1));
  await until(() => runner.status().waiting.events > 0);
  expect(await projected.waitFor(position, 1)).toBe(false);
  await untilProjected(position);
  expect(await jarRow(jarId)).toBe(`(${jarId},jam,1)`);
});

test("events that no projection looks at move the position as well", async () => {
  run({ projections: [{ ...fillings, of: [] }] });
  const other = followProjected(side.pool, [fillings], log);
  const position = await side.happen(randomUUID(), opened());
  expect(await other.waitFor(position, 30_000)).toBe(true);
  await other.stop();
});

test("DR-12: checkpoints ahead of the event store are refused, not skipped over", async () => {
  const { rows } = await side.pool.query(
    "update runtime.checkpoints set position = position + 1000000, last_position = last_position + 1000000 returning 1",
  );
  expect(rows.length).toBeGreaterThan(0);
  const runner = run();
  await until(() => runner.status().problem !== null);
  expect(runner.status().problem).toMatch(/the event store does not have that event there: it is another one/);
  await side.pool.query(
    "update runtime.checkpoints set position = position - 1000000, last_position = last_position - 1000000",
  );
  const jarId = randomUUID();
  await untilProjected(await side.happen(jarId, opened()));
  expect(await jarRow(jarId)).toBe(`(${jarId},jam,0)`);
});
