import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { followProjected, hearAwaited, ownWrites, type Projected } from "../../src/projections/positions.ts";
import { type ProjectionRunner, runProjections } from "../../src/projections/runner.ts";
import { codec, fillings, jar, jars, log, opened } from "./jars.ts";
import { type ReadSide, startReadSide, until } from "./readSide.ts";

describe("own writes", () => {
  test("ES-06: the last position of a workspace and of a user is remembered", () => {
    const writes = ownWrites(10);
    writes.wrote({ workspaceId: "w", userId: "u" }, 5n);
    writes.wrote({ workspaceId: "w" }, 7n);
    writes.wrote({ userId: "u", workspaceId: null }, 6n);
    writes.wrote({ workspaceId: "w" }, 3n);
    expect(writes.lastOf({ workspaceId: "w" })).toBe(7n);
    expect(writes.lastOf({ userId: "u" })).toBe(6n);
    expect(writes.lastOf({ workspaceId: "other", userId: "u" })).toBe(6n);
    expect(writes.lastOf({ workspaceId: "u", userId: "w" })).toBe(-1n);
  });

  test("of those who wrote longest ago nothing is remembered", () => {
    const writes = ownWrites(2);
    for (const [index, workspaceId] of ["a", "b", "c"].entries()) writes.wrote({ workspaceId }, BigInt(index));
    expect(["a", "b", "c"].map((workspaceId) => writes.lastOf({ workspaceId }))).toEqual([-1n, 1n, 2n]);
  });
});

describe("ES-06: waiting for the projections", () => {
  let side: ReadSide;
  const opening: Projected[] = [];
  const runners: ProjectionRunner[] = [];
  beforeAll(async () => {
    side = await startReadSide();
  });
  afterAll(() => side[Symbol.asyncDispose]());
  afterEach(async () => {
    await Promise.all([...runners.splice(0), ...opening.splice(0)].map((each) => each.stop()));
  });

  const listen = () => {
    // The API's own role may listen and read the checkpoints.
    const projected = followProjected(side.newPool("everfold_api"), [jars, fillings], log);
    opening.push(projected);
    return projected;
  };
  const run = () => {
    const { store, pool } = side;
    const runner = runProjections({ store, pool, codec, projections: [jars, fillings], sources: [jar], log });
    runners.push(runner);
    return runner;
  };

  test("ends when they have passed the position, for all who wait", async () => {
    run();
    const projected = listen();
    const position = await side.happen(randomUUID(), opened());
    expect(await Promise.all([1, 2, 3].map(() => projected.waitFor(position, 30_000)))).toEqual([true, true, true]);
    expect(projected.position()).toBe(position);
  });

  test("tells once, for all who wait, that somebody does", async () => {
    const heard: string[] = [];
    const connection = await side.pool.connect();
    await hearAwaited(connection, () => heard.push("awaited"));
    const projected = listen();
    const position = await side.happen(randomUUID(), opened());
    const waiting = [1, 2, 3].map(() => projected.waitFor(position, 30_000));
    await until(() => heard.length > 0);
    expect(heard).toHaveLength(1);
    run();
    expect(await Promise.all(waiting)).toEqual([true, true, true]);
    connection.release(true);
  });

  test("ends at once for what they have passed, also in a process that was not there then", async () => {
    const runner = run();
    const position = await side.happen(randomUUID(), opened());
    await until(() => runner.status().position === position);
    await runner.stop();
    const projected = listen();
    expect(await projected.waitFor(position, 30_000)).toBe(true);
    expect(await projected.waitFor(position, 0)).toBe(true);
  });

  test("ends without success when it takes too long", async () => {
    const projected = listen();
    expect(await projected.waitFor(await side.happen(randomUUID(), opened()), 20)).toBe(false);
  });

  test("outlives the connection, and hears of what happened meanwhile", async () => {
    run();
    const projected = listen();
    expect(await projected.waitFor(await side.happen(randomUUID(), opened()), 30_000)).toBe(true);
    const waiting = side.happen(randomUUID(), opened()).then((position) => projected.waitFor(position, 30_000));
    await side.cutConnections();
    expect(await waiting).toBe(true);
    expect(await projected.waitFor(await side.happen(randomUUID(), opened()), 30_000)).toBe(true);
  });

  test("ends at once for more of them than memory should hold", async () => {
    const projected = listen();
    const never = 10n ** 15n;
    const waiting = Array.from({ length: 1_000 }, () => projected.waitFor(never, 30_000));
    expect(await projected.waitFor(never, 30_000)).toBe(false);
    await projected.stop();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([false]));
    expect(waiting).toHaveLength(1_000);
  });

  test("ends when the process stops", async () => {
    const projected = listen();
    const waiting = projected.waitFor(10n ** 12n, 30_000);
    await projected.stop();
    expect(await waiting).toBe(false);
  });
});
