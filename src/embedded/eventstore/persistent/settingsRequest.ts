import type { CreateReq, UpdateReq } from "@eventstore/db-client/generated/persistent_pb.js";
import type { From } from "../streams/reads.ts";
import { type StrategyName, strategyNames } from "./consumerStrategy.ts";
import { groupFailed } from "./errors.ts";
import type { GroupName, GroupSettings } from "./groupConfig.ts";

const ticksPerMs = 10_000;

type SettingsMessage = CreateReq.Settings | UpdateReq.Settings;

/** The settings as they were sent, sensible or not. Throws when the consumer strategy is not known. */
export const groupSettings = (name: GroupName, settings: SettingsMessage, startFrom: From): GroupSettings => ({
  startFrom,
  resolveLinks: settings.getResolveLinks(),
  extraStatistics: settings.getExtraStatistics(),
  messageTimeoutMs: settings.hasMessageTimeoutTicks()
    ? inMs(settings.getMessageTimeoutTicks())
    : settings.getMessageTimeoutMs(),
  maxRetryCount: settings.getMaxRetryCount(),
  checkpointAfterMs: settings.hasCheckpointAfterTicks()
    ? inMs(settings.getCheckpointAfterTicks())
    : settings.getCheckpointAfterMs(),
  minCheckpointCount: settings.getMinCheckpointCount(),
  maxCheckpointCount: settings.getMaxCheckpointCount(),
  maxSubscriberCount: settings.getMaxSubscriberCount(),
  liveBufferSize: settings.getLiveBufferSize(),
  readBatchSize: settings.getReadBatchSize(),
  historyBufferSize: settings.getHistoryBufferSize(),
  strategy: strategyOf(name, settings),
});

const inMs = (ticks: string): number => Math.trunc(Number(ticks) / ticksPerMs);

/** In the order of the numbers that stand for them. */
const numberedStrategies = ["DispatchToSingle", "RoundRobin", "Pinned"] as const satisfies StrategyName[];

function strategyOf(name: GroupName, settings: SettingsMessage): StrategyName {
  const named = "getConsumerStrategy" in settings ? settings.getConsumerStrategy() : "";
  const number = settings.getNamedConsumerStrategy();
  const strategy = named === "" ? numberedStrategies[number] : strategyNames.find((known) => known === named);
  if (strategy === undefined) throw groupFailed(name, `There is no consumer strategy ${named || number}.`);
  return strategy;
}
