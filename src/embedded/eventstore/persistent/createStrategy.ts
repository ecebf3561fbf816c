import type { ConsumerStrategy, StrategyName } from "./consumerStrategy.ts";
import { createPinnedStrategy } from "./pinnedStrategy.ts";

const strategies: Readonly<Record<StrategyName, () => ConsumerStrategy>> = {
  DispatchToSingle: () => createRotation((order, hasRoom) => order.findIndex(hasRoom)),
  RoundRobin: () => createRotation((order, hasRoom) => order.findIndex(hasRoom) + 1),
  Pinned: createPinnedStrategy,
  PinnedByCorrelation: createPinnedStrategy,
};

export const createStrategy = (name: StrategyName): ConsumerStrategy => strategies[name]();

type CountToRotate = (order: readonly string[], hasRoom: (consumer: string) => boolean) => number;

// Both go round. One leaves its choice in front, to be chosen until it is full; the other sends it to the back.
function createRotation(countToRotate: CountToRotate): ConsumerStrategy {
  let order: string[] = [];
  return {
    joined: (consumer) => {
      order.push(consumer);
    },
    left: (consumer) => {
      order = order.filter((other) => other !== consumer);
    },
    choose: (_affinity, hasRoom) => {
      const chosen = order.find(hasRoom);
      if (chosen !== undefined) order.push(...order.splice(0, countToRotate(order, hasRoom)));
      return chosen;
    },
  };
}
