import { RpcError, unknownError } from "../errors.ts";
import type { NackAction } from "./answers.ts";
import { createCheckpoints, loadCheckpoint } from "./checkpoints.ts";
import { type Connection, type Consumer, createConnection } from "./connection.ts";
import { createDeliveries, type Deliveries } from "./deliveries.ts";
import { consumerDropped, maximumSubscribersReached } from "./errors.ts";
import type { GroupConfig } from "./groupConfig.ts";
import { createGroupReader, type GroupReader } from "./groupReader.ts";
import type { GroupServices } from "./groupServices.ts";
import { statusOf } from "./groupStatus.ts";
import { createParking } from "./parking.ts";
import { createReplay } from "./replay.ts";
import { createMeter } from "./statistics.ts";

/** How a consumer talks to its group. */
export type Membership = {
  acknowledge(ids: readonly string[]): void;
  refuse(ids: readonly string[], action: NackAction, reason: string): void;
  leave(): void;
};

export type Group = ReturnType<typeof createGroup>;

const deliveriesPerTurn = 64;

/** One group at work. It reads only while somebody can take what it reads, and costs nothing while nobody is there. */
export function createGroup(config: GroupConfig, services: GroupServices) {
  const { settings } = config;
  const { log, metadata, nowMs } = services;
  const checkpoint = loadCheckpoint(log, metadata, config);
  const startsAfter = checkpoint ?? config.startsAfter;
  const deliveries = createDeliveries(settings, startsAfter);
  const replay = createReplay(config, services);
  const reader = createGroupReader(config, startsAfter, services, deliveries, replay);
  const checkpoints = createCheckpoints(config, checkpoint, services);
  const meter = createMeter(nowMs);
  const connections = new Map<string, Connection>();
  const handOut = (): boolean => deliver(connections, deliveries, reader, nowMs(), pump.run);
  const pump = createPump(() => {
    const isBusy = handOut() || reader.pull(deliveries.wanted);
    checkpoints.consider(deliveries.mark, false);
    return isBusy;
  }, fail);
  const parking = createParking(config, reader.contentOf, deliveries, services, pump.run);
  let stopListening: (() => void) | undefined;

  function endAll(reason: RpcError): void {
    for (const connection of [...connections.values()]) connection.end(reason);
  }

  function fail(error: unknown): void {
    if (!(error instanceof RpcError)) services.onFailure(error);
    endAll(error instanceof RpcError ? error : unknownError(`The subscription group failed: ${String(error)}`));
  }

  // What one answer makes room for goes out before the next is heard: messages that the next one refuses come behind it.
  const answered = (): void => {
    try {
      handOut();
    } catch (error) {
      fail(error);
    }
    pump.run();
  };

  const leave = (id: string): void => {
    if (!connections.delete(id)) return;
    deliveries.leave(id);
    pump.run();
    if (connections.size > 0) return;
    stopListening?.();
    stopListening = undefined;
    reader.forget();
  };

  const join = (consumer: Consumer): Membership => {
    const { maxSubscriberCount } = settings;
    if (maxSubscriberCount > 0 && connections.size >= maxSubscriberCount) throw maximumSubscribersReached(config);
    const connection = createConnection(consumer, meter, nowMs);
    const { id } = connection;
    connections.set(id, connection);
    deliveries.join(id, consumer.capacity);
    stopListening ??= services.tail.listen(reader.listensTo, pump.run);
    pump.run();
    return {
      acknowledge: (ids) => {
        for (const { consumer: holder, deliveredAtMs } of deliveries.acknowledge(ids)) {
          connections.get(holder)?.answered(nowMs() - deliveredAtMs);
        }
        answered();
      },
      refuse: (ids, action, reason) => {
        if (!connections.has(id)) return;
        parking.add(deliveries.refuse(id, ids, action, reason));
        answered();
      },
      leave: () => leave(id),
    };
  };

  return {
    join,
    replayParked: async (stopAt: number | undefined): Promise<void> => {
      await replay.begin(stopAt);
      pump.run();
    },
    /** Does what is due by time. Returns whether it has to be called again. */
    tick: (): boolean => {
      parking.add(deliveries.expire(nowMs()));
      checkpoints.consider(deliveries.mark, true);
      replay.saveProgress(deliveries.replayMark);
      pump.run();
      const isUnsaved = checkpoints.isPending(deliveries.mark) || replay.isPending(deliveries.replayMark);
      return connections.size > 0 || parking.isBusy || isUnsaved;
    },
    /** Ends the group's work and its consumers' calls. What they did not answer is delivered by its successor. */
    stop: (): void => {
      pump.stop();
      replay.stop();
      endAll(consumerDropped(config));
    },
    status: () => statusOf({ config, connections, deliveries, reader, replay, checkpoints, meter }),
  };
}

/** Sends what can be sent, up to a bound. Returns whether there is more. */
function deliver(
  connections: ReadonlyMap<string, Connection>,
  deliveries: Deliveries,
  reader: GroupReader,
  nowMs: number,
  onReady: () => void,
): boolean {
  const taken = deliveries.take(nowMs, deliveriesPerTurn);
  for (const { message, consumer } of taken) {
    const slowness = connections.get(consumer)?.send(reader.takeContentOf(message), message.retries);
    if (slowness === undefined) continue;
    deliveries.setReady(consumer, false);
    void slowness.then(() => {
      deliveries.setReady(consumer, true);
      onReady();
    });
  }
  return taken.length === deliveriesPerTurn;
}

// Each turn is short, so that appends and other groups get theirs, and there is at most one to come.
function createPump(turn: () => boolean, onFailure: (error: unknown) => void) {
  let isScheduled = false;
  let isStopped = false;
  const run = (): void => {
    if (isScheduled || isStopped) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      if (isStopped) return;
      try {
        if (turn()) run();
      } catch (error) {
        onFailure(error);
      }
    });
  };
  const stop = (): void => {
    isStopped = true;
  };
  return { run, stop };
}
