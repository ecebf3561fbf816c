import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { derivedId } from "../../src/kernel/ids.ts";
import type { Operation } from "./history.ts";
import { inexplicable } from "./linearizability.ts";
import { ask, type Model, newModel } from "./model.ts";
import { unopenedLedger } from "./modelLedger.ts";
import { type Random, seeded } from "./random.ts";
import type { Asked, Request, Told } from "./requests.ts";

const now = "2026-03-01T09:00:00.000Z";
const workspaceId = derivedId("workspace");

const asked = (name: string, request: Request, key = name): Asked => ({
  ...{ deliveryId: derivedId("delivery", name), key, now, actor: { kind: "system", id: null }, request },
});
const debit = (name: string, amount: number, key = name) =>
  asked(name, { command: "DebitCredits", input: { amount, description: "row" } }, key);

/** With 10 credits in it. */
const ledger: Model = [
  asked("open", { command: "OpenLedger", input: { organizationId: derivedId("acme"), planType: "free" } }),
  asked("credits", { command: "AddCredits", input: { amount: 10, description: "start" } }),
].reduce((model, item) => ask(model, [item]).model, newModel(unopenedLedger(workspaceId, () => undefined)));

const happened = (item: Asked, invokedAt: number, returnedAt: number, told?: Told): Operation => ({
  ...{ items: [item], isAtomic: false, invokedAt, transactions: [] },
  ...(told ? { returnedAt, told: [told] } : { returnedAt: Number.POSITIVE_INFINITY }),
});

/** What each is told when they come one after the other. */
const toldInTurn = (...items: readonly Asked[]): Told[] => {
  let model = ledger;
  return items.map((item) => {
    const step = ask(model, [item]);
    model = step.model;
    return step.told[0] ?? expect.fail("it was told nothing");
  });
};

describe("a history", () => {
  const [one, other] = [debit("one", 8), debit("other", 8)];
  const [accepted, refused] = toldInTurn(one, other);

  test("is explained by either order of what was asked at once", () => {
    expect(inexplicable(ledger, [happened(one, 1, 4, accepted), happened(other, 2, 3, refused)])).toBeUndefined();
    expect(inexplicable(ledger, [happened(one, 2, 3, accepted), happened(other, 1, 4, refused)])).toBeUndefined();
  });

  test("is not explained by an order that turns time round", () => {
    const history = [happened(one, 3, 4, accepted), happened(other, 1, 2, refused)];
    expect(inexplicable(ledger, history)).toContain("no serial order explains these after 0 of 2");
  });

  test("is explained by a command nobody heard of any more, which may have been carried out", () => {
    expect(inexplicable(ledger, [happened(one, 1, 2), happened(other, 3, 4, refused)])).toBeUndefined();
  });

  test("is not explained by a command nobody heard of, of which the stream has nothing", () => {
    const history = [happened(one, 1, 2), happened(other, 3, 4, refused)];
    expect(inexplicable(ledger, history, new Map())).toBeDefined();
  });

  test("is explained without a command nobody heard of, which may as well not have been carried out", () => {
    const [alone] = toldInTurn(other);
    expect(inexplicable(ledger, [happened(one, 1, 2), happened(other, 3, 4, alone)])).toBeUndefined();
  });

  test("is not explained when two were accepted where there was enough for one", () => {
    const [alone] = toldInTurn(other);
    expect(inexplicable(ledger, [happened(one, 1, 4, accepted), happened(other, 2, 3, alone)])).toBeDefined();
  });

  test("is not explained when the same key is carried out twice", () => {
    const small = debit("small", 1);
    const again = debit("again", 1, "small");
    const [first, replay] = toldInTurn(small, again);
    const [, second] = toldInTurn(small, debit("again", 1));
    const history = (told?: Told) => [happened(small, 1, 2, first), happened(again, 3, 4, told)];
    expect(inexplicable(ledger, history(replay))).toBeUndefined();
    expect(inexplicable(ledger, history(second))).toBeDefined();
  });
});

test("the search finds an order exactly when trying all of them finds one", () => {
  const counted = { explained: 0, inexplicable: 0 };
  for (let seed = 1; seed <= 400; seed += 1) {
    const history = randomHistory(seeded(seed));
    const isExplained = inexplicable(ledger, history) === undefined;
    expect(isExplained, `seed ${seed}`).toBe(someOrderExplains(ledger, history));
    counted[isExplained ? "explained" : "inexplicable"] += 1;
  }
  expect(Math.min(...Object.values(counted))).toBeGreaterThan(50);
});

/** Answers of one serial order, around which they were asked; in some histories one of them is told to another. */
const randomHistory = (random: Random): Operation[] => {
  const items = Array.from({ length: 3 + random.below(3) }, (_, index) =>
    debit(`${index}`, 1 + random.below(6), random.chance(0.2) ? "same" : `${index}`),
  );
  const answers = toldInTurn(...items);
  const isMixedUp = random.chance(0.6);
  return items.map((item, index) => {
    const told = isMixedUp && random.chance(0.4) ? random.pick(answers) : answers[index];
    const at = index * 10;
    const [invokedAt, returnedAt] = [at - random.below(25), at + 1 + random.below(25)];
    return happened(
      item,
      invokedAt + index / 100,
      returnedAt + 0.5 + index / 100,
      random.chance(0.15) ? undefined : told,
    );
  });
};

const someOrderExplains = (model: Model, waiting: readonly Operation[]): boolean =>
  waiting.every(({ told }) => told === undefined) ||
  waiting.some((next) => {
    const others = waiting.filter((other) => other !== next);
    if (others.some(({ returnedAt }) => returnedAt < next.invokedAt)) return false;
    const step = ask(model, next.items);
    return (
      (next.told === undefined || isDeepStrictEqual(next.told, step.told)) && someOrderExplains(step.model, others)
    );
  });
