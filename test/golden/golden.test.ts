import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { aggregates } from "../../src/domain/aggregates.ts";
import { creditLedger } from "../../src/domain/credits/creditLedger.ts";
import { type EventDef, type EventDefs, versionOf } from "../../src/kernel/decider.ts";

/**
 * What lies in a file here is the data of one event as it was once written, decrypted. Stored events never change, so
 * neither do these files: a new version of an event is one more file.
 */
const golden = (type: string, version: number): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`${type}.v${version}.json`, import.meta.url), "utf8"));

/** As the codec does it, except that a field the schema does not know is an error: an upcaster takes it out. */
const read = (type: string, version: number, { schema, upcasts }: EventDef) =>
  schema.strict().parse(upcasts.slice(version - 1).reduce((older, upcast) => upcast(older), golden(type, version)));

type Foldable = {
  events: EventDefs;
  initial: unknown;
  evolve: Readonly<Record<string, (state: never, data: never) => unknown>>;
};

/** What was read is of the type `evolve` is asked for; the two meet by the type's name alone. */
const evolved = ({ evolve }: Foldable, type: string, state: unknown, data: unknown): unknown =>
  evolve[type]?.(state as never, data as never);

/** The fold of one event of each type, in the order the domain file tells them. */
const folded = (aggregate: Foldable): unknown =>
  Object.entries(aggregate.events).reduce(
    (state, [type, def]) => evolved(aggregate, type, state, read(type, versionOf(def), def)),
    aggregate.initial,
  );

const versions = aggregates.flatMap((aggregate: Foldable) =>
  Object.entries(aggregate.events).flatMap(([type, def]) =>
    Array.from({ length: versionOf(def) }, (_, index) => ({ aggregate, type, def, version: index + 1 })),
  ),
);

describe("events of every version there was are read for ever", () => {
  test.each(versions)("$type v$version", ({ aggregate, type, def, version }) => {
    const data = read(type, version, def);
    for (const state of [aggregate.initial, folded(aggregate)])
      expect(evolved(aggregate, type, state, data)).toHaveProperty("status");
  });

  test("none that was ever written has lost its name", () => {
    const files = readdirSync(new URL(".", import.meta.url)).filter((file) => file.endsWith(".json"));
    expect(files.toSorted()).toEqual(versions.map(({ type, version }) => `${type}.v${version}.json`).toSorted());
  });

  test("event names are unique over all aggregates", () => {
    const names = aggregates.flatMap(({ events }) => Object.keys(events));
    expect(names).toEqual([...new Set(names)]);
  });
});

test("a ledger folds to this as long as its foldVersion is 5: snapshots of that version hold it", () => {
  expect(creditLedger.ledger).toEqual({ foldVersion: 5 });
  const terms = { priority: 50, expiresAt: null };
  expect(folded(creditLedger)).toEqual({
    status: "open",
    isClosed: true,
    workspaceId: "0198a000-0000-7000-8000-000000000003",
    organizationId: "0198a000-0000-7000-8000-000000000002",
    planType: "pro",
    openedAt: "2026-03-01T09:00:00.000Z",
    creditLimit: 500,
    lots: [
      { lot: 3, amount: 20, kind: "adjustment", ...terms },
      { lot: 1, amount: 935, kind: "purchased", ...terms },
      { lot: 4, amount: 50, kind: "recharge", ...terms },
      { lot: 5, amount: 50, kind: "purchased", ...terms },
    ],
    coming: [],
    lotCount: 5,
    debt: 0,
    holds: [],
    ...{ free: 1055, held: 0, heldOverdraft: 0 },
    refunds: [{ debitId: "0198a000-0000-7000-8000-000000000011", amount: 10, until: "2026-08-28T09:00:00.000Z" }],
    refundsClosedUntil: "",
    transfers: [],
    budgets: [
      {
        budgetId: "0198a000-0000-7000-8000-000000000020",
        scope: { kind: "member", id: "0198a000-0000-7000-8000-000000000005" },
        ...{ limit: 100, period: "day", alertsAt: [80, 100], periodStart: "", spent: 0, toldAt: 80 },
      },
    ],
    recharge: {
      ...{ isEnabled: false, threshold: 10, amount: 50, target: null, coolOffSeconds: 60, periodCap: 500 },
      ...{ requests: 1, pending: null, notBefore: "2026-03-01T10:00:00.000Z", failures: 3, isSuspended: true },
      ...{ periodStart: "2026-03-01T09:00:00.000Z", charged: 500, isCapTold: true },
    },
    alert: { threshold: 100, rearmAt: 110, isLow: false },
    dueAt: null,
  });
});
