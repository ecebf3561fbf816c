import type { RpcError } from "../errors.ts";
import type { ResolvedEvent } from "../streams/links.ts";
import type { NackAction, Parking } from "./answers.ts";
import { type Connection, type Consumer, createConnection } from "./connection.ts";
import type { Deliveries } from "./deliveries.ts";
import { maximumSubscribersReached } from "./errors.ts";
import type { GroupConfig } from "./groupConfig.ts";
import type { Delivered } from "./inFlight.ts";
import type { Meter } from "./statistics.ts";

/** How a consumer talks to its group. */
export type Membership = {
  acknowledge(ids: readonly string[]): void;
  refuse(ids: readonly string[], action: NackAction, reason: string): void;
  leave(): void;
};

type Members = {
  readonly connections: ReadonlyMap<string, Connection>;
  /** Throws when the group has as many as it may have. */
  join(consumer: Consumer): Membership;
  send(delivered: Delivered, content: ResolvedEvent): void;
  endAll(reason: RpcError): void;
};

/** What a group does about its members' doings. */
type Reactions = {
  /** There may be something to hand out. */
  onRoom(): void;
  /** Called after each answer: there may be something to hand out before the next one is heard. */
  onAnswer(): void;
  onParking(parkings: readonly Parking[]): void;
  onLastGone(): void;
};

/** The consumers that are connected to a group. */
export function createMembers(
  config: GroupConfig,
  deliveries: Deliveries,
  meter: Meter,
  nowMs: () => number,
  { onRoom, onAnswer, onParking, onLastGone }: Reactions,
): Members {
  const { maxSubscriberCount } = config.settings;
  const connections = new Map<string, Connection>();

  const leave = (id: string): void => {
    if (!connections.delete(id)) return;
    deliveries.leave(id);
    if (connections.size === 0) onLastGone();
    else onRoom();
  };

  const acknowledge = (ids: readonly string[]): void => {
    for (const { consumer, deliveredAtMs } of deliveries.acknowledge(ids)) {
      connections.get(consumer)?.answered(nowMs() - deliveredAtMs);
    }
    onAnswer();
  };

  const refuse = (id: string, ids: readonly string[], action: NackAction, reason: string): void => {
    // What a consumer says after it was dropped concerns the group's successor, which delivers the messages again.
    if (!connections.has(id)) return;
    onParking(deliveries.refuse(id, ids, action, reason));
    onAnswer();
  };

  return {
    connections,
    join(consumer) {
      if (maxSubscriberCount > 0 && connections.size >= maxSubscriberCount) throw maximumSubscribersReached(config);
      const connection = createConnection(consumer, meter, nowMs);
      const { id } = connection;
      connections.set(id, connection);
      deliveries.join(id, consumer.capacity);
      onRoom();
      return {
        acknowledge,
        refuse: (ids, action, reason) => refuse(id, ids, action, reason),
        leave: () => leave(id),
      };
    },
    send({ message, consumer }, content) {
      const slowness = connections.get(consumer)?.send(content, message.retries);
      if (slowness === undefined) return;
      deliveries.setReady(consumer, false);
      void slowness.then(() => {
        deliveries.setReady(consumer, true);
        onRoom();
      });
    },
    endAll: (reason) => {
      for (const connection of [...connections.values()]) connection.end(reason);
    },
  };
}
