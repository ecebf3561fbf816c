import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { followProjected, type Projected } from "../../src/projections/positions.ts";
import { type ProjectionRunner, runProjections } from "../../src/projections/runner.ts";
import { codec, filled, fillings, jar, jars, log, opened } from "./jars.ts";
import { type ReadSide, startReadSide } from "./readSide.ts";

let side: ReadSide;
let projected: Projected;
const runners: ProjectionRunner[] = [];
const run = () => {
  const { store, pool } = side;
  runners.push(runProjections({ store, pool, codec, projections: [jars, fillings], sources: [jar], log }));
};
const stop = () => Promise.all(runners.splice(0).map((runner) => runner.stop()));

beforeAll(async () => {
  side = await startReadSide();
  projected = followProjected(side.pool, [jars, fillings], log);
});
afterAll(async () => {
  await stop();
  await projected.stop();
  await side[Symbol.asyncDispose]();
});

const contentOf = async (jarId: string) => {
  const { rows } = await side.superuser.query("select content::text from read_model.jars where id = $1", [jarId]);
  const filled = await side.superuser.query("select amount::int from read_model.fillings where jar_id = $1", [jarId]);
  return {
    content: rows.map(({ content }) => Number(content)),
    amounts: filled.rows.map(({ amount }) => amount).sort(),
  };
};
const expected = (amounts: readonly number[]) => ({
  content: [amounts.reduce((sum, amount) => sum + amount, 0)],
  amounts: [...amounts].sort(),
});

/**
 * Postgres ends the projector's connection when it comes to one of the numbered points of its transactions: before and
 * after each statement, and right before the commit.
 */
const crashPoints = `
  create sequence runtime.point;
  create table runtime.crash (point bigint);
  create function runtime.reach_point() returns trigger language plpgsql security definer as $$
    begin
      if exists (select from runtime.crash where point = nextval('runtime.point')) then
        perform pg_terminate_backend(pg_backend_pid());
      end if;
      return null;
    end $$;
  create trigger before_checkpoint before update on runtime.checkpoints execute function runtime.reach_point();
  create trigger after_checkpoint after update on runtime.checkpoints execute function runtime.reach_point();
  create trigger before_jars before insert or update on read_model.jars execute function runtime.reach_point();
  create trigger after_fillings after insert on read_model.fillings execute function runtime.reach_point();
  create constraint trigger commit after update on runtime.checkpoints deferrable initially deferred
    for each row execute function runtime.reach_point();`;

test("ES-04: wherever Postgres ends the transaction, nothing is lost and nothing doubled", async () => {
  await side.superuser.query(crashPoints);
  run();
  let crashes = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 2 }),
      async (amounts, points) => {
        const jarId = randomUUID();
        await side.superuser.query("truncate runtime.crash");
        await side.superuser.query("alter sequence runtime.point restart");
        await side.superuser.query("insert into runtime.crash select unnest($1::bigint[])", [points]);
        let position = await side.happen(jarId, opened());
        for (const amount of amounts) position = await side.happen(jarId, filled(amount));
        expect(await projected.waitFor(position, 30_000)).toBe(true);
        expect(await contentOf(jarId)).toEqual(expected(amounts));
        const { rows } = await side.superuser.query("select last_value::int as reached from runtime.point");
        crashes += points.filter((point) => point <= rows[0].reached).length;
      },
    ),
    { numRuns: 100 },
  );
  expect(crashes).toBeGreaterThan(50);
  await side.superuser.query("truncate runtime.crash");
  await stop();
});

test("ES-04: connections cut at any moment lose and double nothing", async () => {
  run();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom<"cut" | number>("cut", 1, 2, 3), { minLength: 2, maxLength: 8 }),
      async (steps) => {
        const jarId = randomUUID();
        let position = await side.happen(jarId, opened());
        for (const step of steps) {
          if (step === "cut") await side.cutConnections();
          else position = await side.happen(jarId, filled(step));
        }
        expect(await projected.waitFor(position, 30_000)).toBe(true);
        expect(await contentOf(jarId)).toEqual(expected(steps.filter((step) => step !== "cut")));
      },
    ),
    { numRuns: 100 },
  );
  await stop();
});

test("ES-04: a runner killed again and again under load is replaced, and nothing is lost or doubled", async () => {
  const kills = 5;
  const jarIds = Array.from({ length: 4 }, () => randomUUID());
  for (const jarId of jarIds) await side.happen(jarId, opened());
  const amounts: number[] = [];
  let isLoading = true;
  const load = (async () => {
    while (isLoading) {
      await Promise.all(jarIds.map((jarId) => side.happen(jarId, filled(amounts.length))));
      amounts.push(amounts.length);
    }
  })();
  for (let killed = 0; killed < kills; killed += 1) {
    const child = fork(new URL("./runnerProcess.ts", import.meta.url), [side.url, side.eventStore.url]);
    const ended = once(child, "exit");
    await once(child, "message");
    // It has applied something and is in the middle of more.
    const seen = projected.position();
    expect(await projected.waitFor(seen + 20n, 30_000)).toBe(true);
    child.kill("SIGKILL");
    await ended;
  }
  isLoading = false;
  await load;
  run();
  expect(await projected.waitFor(await side.store.head(), 30_000)).toBe(true);
  for (const jarId of jarIds) expect(await contentOf(jarId)).toEqual(expected(amounts));
});
