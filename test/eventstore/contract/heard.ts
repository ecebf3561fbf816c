import type { AllStreamSubscription, ResolvedEvent, StreamSubscription } from "@eventstore/db-client";
import { onTestFinished } from "vitest";
import { numberIn } from "./numbered.ts";

/** What a subscription has said so far. */
type Heard = {
  events: ResolvedEvent[];
  /** Of the events that have one. */
  numbers: number[];
  /** What was said in which order. */
  order: ("confirmation" | "caughtUp" | "event")[];
  confirmations: number;
  caughtUp: number;
  error: Error | undefined;
};

/** Notes what a catch-up subscription says, and ends it with the test. */
export function heardBy(subscription: StreamSubscription | AllStreamSubscription): Heard {
  const heard: Heard = { events: [], numbers: [], order: [], confirmations: 0, caughtUp: 0, error: undefined };
  const onConfirmation = () => {
    heard.confirmations += 1;
    heard.order.push("confirmation");
  };
  const onCaughtUp = () => {
    heard.caughtUp += 1;
    heard.order.push("caughtUp");
  };
  const onEvent = (resolved: ResolvedEvent) => {
    heard.order.push("event");
    heard.events.push(resolved);
    const n = numberIn(resolved.event);
    if (n !== undefined) heard.numbers.push(n);
  };
  const onError = (error: Error) => {
    heard.error = error;
  };
  subscription.on("confirmation", onConfirmation);
  subscription.on("caughtUp", onCaughtUp);
  subscription.on("data", onEvent);
  subscription.on("error", onError);
  onTestFinished(() => subscription.unsubscribe());
  return heard;
}
