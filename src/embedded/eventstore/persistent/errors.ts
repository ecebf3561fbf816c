import { status } from "@grpc/grpc-js";
import { RpcError } from "../errors.ts";
import type { GroupName } from "./groupConfig.ts";

const trailers = (exception: string, { source, group }: GroupName): Record<string, string> => ({
  exception,
  "stream-name": source,
  "group-name": group,
});

const described = ({ source, group }: GroupName): string => `Subscription group ${group} on stream ${source}`;

export const groupDoesNotExist = (name: GroupName) =>
  new RpcError(
    status.NOT_FOUND,
    `${described(name)} does not exist.`,
    trailers("persistent-subscription-does-not-exist", name),
  );

export const groupExists = (name: GroupName) =>
  new RpcError(status.ALREADY_EXISTS, `${described(name)} exists.`, trailers("persistent-subscription-exists", name));

export const groupFailed = (name: GroupName, reason: string) =>
  new RpcError(status.INTERNAL, `${described(name)} failed: '${reason}'`, {
    ...trailers("persistent-subscription-failed", name),
    reason,
  });

export const consumerDropped = (name: GroupName) =>
  new RpcError(status.CANCELLED, `${described(name)} was dropped.`, trailers("persistent-subscription-dropped", name));

export const maximumSubscribersReached = (name: GroupName) =>
  new RpcError(
    status.FAILED_PRECONDITION,
    `Maximum subscriptions reached for subscription group ${name.group} on stream ${name.source}.`,
    trailers("maximum-subscribers-reached", name),
  );
