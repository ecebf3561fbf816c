/** Who gets a message. */
export type ConsumerStrategy = {
  joined(consumer: string): void;
  left(consumer: string): void;
  /** Undefined when the message has to wait, although others may not. */
  choose(affinity: string, hasRoom: (consumer: string) => boolean): string | undefined;
};

export const strategyNames = ["DispatchToSingle", "RoundRobin", "Pinned", "PinnedByCorrelation"] as const;

export type StrategyName = (typeof strategyNames)[number];
