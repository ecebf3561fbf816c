import type { GetInfoResp, ListResp, SubscriptionInfo } from "@eventstore/db-client/generated/persistent_pb.js";
import persistent from "@eventstore/db-client/generated/persistent_pb.js";
import type { GroupStatus } from "./groupStatus.ts";
import { newestText, placeText, startText } from "./place.ts";
import type { Measurement } from "./statistics.ts";

export function infoResponse(status: GroupStatus): GetInfoResp {
  const response = new persistent.GetInfoResp();
  response.setSubscriptionInfo(subscriptionInfo(status));
  return response;
}

export function listResponse(statuses: readonly GroupStatus[]): ListResp {
  const response = new persistent.ListResp();
  response.setSubscriptionsList(statuses.map(subscriptionInfo));
  return response;
}

function subscriptionInfo(status: GroupStatus) {
  const { source, group, settings } = status.config;
  const info = new persistent.SubscriptionInfo();
  info.setEventSource(source);
  info.setGroupName(group);
  info.setStatus(status.isLive ? "Live" : "Behind");
  info.setAveragePerSecond(status.perSecond);
  info.setTotalItems(String(status.total));
  info.setCountSinceLastMeasurement(String(status.sinceLast));
  info.setLastCheckpointedEventPosition(status.checkpoint === undefined ? "" : placeText(source, status.checkpoint));
  info.setLastKnownEventPosition(newestText(source, status.newest));
  info.setReadBufferCount(status.readBuffer);
  info.setLiveBufferCount(String(status.liveBuffer));
  info.setRetryBufferCount(status.retrying);
  info.setTotalInFlightMessages(status.inFlight);
  info.setOutstandingMessagesCount(status.inFlight);
  info.setParkedMessageCount(String(status.parked));
  info.setStartFrom(startText(source, settings.startFrom));
  setSettings(info, status);
  const showLatencies = settings.extraStatistics;
  info.setConnectionsList(status.connections.map((connection) => connectionInfo(connection, showLatencies)));
  return info;
}

function setSettings(info: SubscriptionInfo, { config: { settings } }: GroupStatus): void {
  info.setResolveLinkTos(settings.resolveLinks);
  info.setExtraStatistics(settings.extraStatistics);
  info.setMessageTimeoutMilliseconds(settings.messageTimeoutMs);
  info.setMaxRetryCount(settings.maxRetryCount);
  info.setCheckPointAfterMilliseconds(settings.checkpointAfterMs);
  info.setMinCheckPointCount(settings.minCheckpointCount);
  info.setMaxCheckPointCount(settings.maxCheckpointCount);
  info.setMaxSubscriberCount(settings.maxSubscriberCount);
  info.setLiveBufferSize(settings.liveBufferSize);
  info.setReadBatchSize(settings.readBatchSize);
  info.setBufferSize(settings.historyBufferSize);
  info.setNamedConsumerStrategy(settings.strategy);
}

function connectionInfo(status: GroupStatus["connections"][number], showLatencies: boolean) {
  const info = new persistent.SubscriptionInfo.ConnectionInfo();
  info.setFrom(status.from);
  info.setUsername(status.username);
  info.setConnectionName(status.connectionName);
  info.setAverageItemsPerSecond(status.perSecond);
  info.setTotalItems(String(status.total));
  info.setCountSinceLastMeasurement(String(status.sinceLast));
  info.setAvailableSlots(status.capacity - status.inFlight);
  info.setInFlightMessages(status.inFlight);
  if (showLatencies) info.setObservedMeasurementsList(status.latencies.map(measurement));
  return info;
}

function measurement({ name, valueMs }: Measurement) {
  const message = new persistent.SubscriptionInfo.Measurement();
  message.setKey(name);
  message.setValue(String(valueMs));
  return message;
}
