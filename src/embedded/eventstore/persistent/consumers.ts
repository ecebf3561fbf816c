import type { StrategyName } from "./consumerStrategy.ts";
import { createStrategy } from "./createStrategy.ts";

export type Consumers = {
  join(consumer: string, capacity: number): void;
  leave(consumer: string): void;
  /** Whether the consumer's connection takes more for the moment. */
  setReady(consumer: string, isReady: boolean): void;
  readonly isAnyoneFree: boolean;
  /** Who gets a message; undefined when it has to wait. */
  choose(affinity: string): string | undefined;
};

/** Those who share a group's messages, and what each can take, given how many he holds. */
export function createConsumers(strategyName: StrategyName, heldBy: (consumer: string) => number): Consumers {
  const strategy = createStrategy(strategyName);
  const capacities = new Map<string, number>();
  const busy = new Set<string>();
  const hasRoom = (consumer: string): boolean =>
    !busy.has(consumer) && heldBy(consumer) < (capacities.get(consumer) ?? 0);

  return {
    join: (consumer, capacity) => {
      capacities.set(consumer, capacity);
      strategy.joined(consumer);
    },
    leave: (consumer) => {
      capacities.delete(consumer);
      busy.delete(consumer);
      strategy.left(consumer);
    },
    setReady: (consumer, isReady) => {
      if (isReady) busy.delete(consumer);
      else busy.add(consumer);
    },
    get isAnyoneFree() {
      return capacities.keys().some(hasRoom);
    },
    choose: (affinity) => strategy.choose(affinity, hasRoom),
  };
}
