import { expect } from "vitest";
import type { z } from "zod";
import { AddCredits } from "../../src/commands/credits/grants.ts";
import { OpenLedger } from "../../src/commands/credits/opening.ts";
import type { Balance } from "../../src/domain/credits/amounts.ts";
import {
  balanceOf,
  type CreditLedger,
  creditLedger,
  type OpenCreditLedger,
} from "../../src/domain/credits/creditLedger.ts";
import type { LedgerEvents } from "../../src/domain/credits/ledgerEvents.ts";
import type { PlanType } from "../../src/domain/credits/plans.ts";
import { type LedgerEvent, opened } from "../../src/domain/credits/unfolding.ts";
import { type Command, type Facts, fold, type Recorded } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { facts, id, recorded } from "../spec.ts";

export const workspaceId = id("wonderland");
export const organizationId = id("acme");

type LedgerCommand<I extends z.ZodObject, A> = Command<I, LedgerEvents, CreditLedger, A>;
type Asked<I extends z.ZodObject> = Omit<z.input<I>, "workspaceId">;

/** `minutes` after the morning every story begins on. */
export const later = (minutes: number): Partial<Facts> => ({
  now: new Date(Date.parse(facts.now) + minutes * 60_000).toISOString(),
});

/**
 * A ledger and what is asked of it, one after the other. Whatever is decided goes through its schemas, is what the fold
 * makes of it, and leaves nothing negative.
 */
export const ledgerStory = (planType: PlanType = "free") => {
  let state: CreditLedger = creditLedger.initial;
  const history: Recorded<LedgerEvent>[] = [];

  const write = (event: LedgerEvent, told: Facts): Recorded<LedgerEvent> => {
    expect(creditLedger.events[event.type].schema.strict().parse(event.data)).toEqual(event.data);
    state = fold(creditLedger, [event], state);
    expect(event.data.after).toEqual(balanceOf(opened(state)));
    expect(event.data.after.available).toBeGreaterThanOrEqual(0);
    const written = recorded(event, history.length, told);
    history.push(written);
    return written;
  };

  const ask = <I extends z.ZodObject, A>(command: LedgerCommand<I, A>, asked: Asked<I>, told: Partial<Facts> = {}) => {
    const input = command.input.parse({ workspaceId, ...asked });
    const known = { ...facts, ...told };
    const decision = command.decide(input, state, known);
    const written = isRejection(decision) ? [] : decision.map((event) => write(event, known));
    return {
      /** The names of what happened, in order. */
      happened: written.map(({ type }) => type),
      events: written,
      refusal: isRejection(decision) ? decision : undefined,
      get answer(): A {
        return command.output.parse(command.answer({ events: written, state, input, facts: known }));
      },
    };
  };

  const story = {
    history,
    ask,
    state: (): OpenCreditLedger => opened(state),
    balance: (): Balance => balanceOf(opened(state)),
    /** What is left in each lot, in the order it will be spent. */
    lots: () => opened(state).lots.map(({ lot, amount }) => [lot, amount]),
    buys: (amount: number, terms: object = {}, told: Partial<Facts> = {}) =>
      ask(AddCredits, { amount, description: "Top-up", ...terms }, told),
  };
  ask(OpenLedger, { organizationId, planType });
  return story;
};
