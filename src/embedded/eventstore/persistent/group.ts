import { RpcError, unknownError } from "../errors.ts";
import type { RecordedEvent } from "../event.ts";
import { type ResolvedEvent, type ResolveLink, withoutLinks } from "../links.ts";
import type { Log } from "../log.ts";
import type { StreamMetadata } from "../metadata.ts";
import type { Reads } from "../reads.ts";
import type { Tail } from "../tail.ts";
import type { Writer } from "../writer.ts";
import { affinityOf } from "./affinity.ts";
import { createCheckpoints, loadCheckpoint } from "./checkpoints.ts";
import { type Connection, type Consumer, createConnection } from "./connection.ts";
import { createDeliveries, type NackAction, type Parking } from "./deliveries.ts";
import { consumerDropped, maximumSubscribersReached } from "./errors.ts";
import type { GroupConfig } from "./groupConfig.ts";
import { createGroupSource } from "./groupSource.ts";
import type { Delivered } from "./inFlight.ts";
import type { Message } from "./message.ts";
import { park } from "./parking.ts";
import { createReplay } from "./replay.ts";
import { createMeter } from "./statistics.ts";

/** What all groups work with. */
export type GroupServices = {
  readonly log: Log;
  readonly reads: Reads;
  readonly metadata: StreamMetadata;
  readonly tail: Tail;
  readonly writer: Writer;
  readonly resolveLink: ResolveLink;
  readonly nowMs: () => number;
  readonly onFailure: (error: unknown) => void;
};

/** How a consumer talks to its group. */
export type Membership = {
  acknowledge(ids: readonly string[]): void;
  refuse(ids: readonly string[], action: NackAction, reason: string): void;
  leave(): void;
};

export type Group = ReturnType<typeof createGroup>;
export type GroupStatus = ReturnType<Group["status"]>;

const deliveriesPerTurn = 64;

/** One group at work. It reads only while somebody can take what it reads, and costs nothing while nobody is there. */
export function createGroup(config: GroupConfig, services: GroupServices) {
  const { log, reads, metadata, tail, writer, nowMs, onFailure } = services;
  const { settings } = config;
  const resolve = settings.resolveLinks ? services.resolveLink : withoutLinks;
  const checkpoint = loadCheckpoint(log, metadata, config);
  const startsAfter = checkpoint ?? config.startsAfter;
  const source = createGroupSource(config, startsAfter, log, reads, tail);
  const deliveries = createDeliveries(settings, startsAfter);
  const replay = createReplay(config, log, metadata, writer, onFailure);
  const checkpoints = createCheckpoints({
    name: config,
    cadence: settings,
    loaded: checkpoint,
    metadata,
    writer,
    nowMs,
    onFailure,
  });
  const meter = createMeter(nowMs);
  const connections = new Map<string, Connection>();
  /** What was just read, so that it need not be read again to be sent. */
  const contents = new Map<Message, ResolvedEvent>();
  let stopListening: (() => void) | undefined;
  let isScheduled = false;
  let isStopped = false;
  let parkings = 0;
  let hasCaughtUp = source.behind === 0;

  const schedule = (): void => {
    if (isScheduled || isStopped || connections.size === 0) return;
    isScheduled = true;
    setImmediate(turn);
  };

  // Each turn is short, so that appends and other groups get theirs.
  const turn = (): void => {
    isScheduled = false;
    if (isStopped) return;
    try {
      const taken = deliveries.take(nowMs(), deliveriesPerTurn);
      for (const delivered of taken) send(delivered);
      const isBusy = taken.length === deliveriesPerTurn || pull(deliveries.wanted);
      checkpoints.consider(deliveries.mark, false);
      if (isBusy) schedule();
    } catch (error) {
      fail(error);
    }
  };

  /** Whether there was something to read. */
  const pull = (limit: number): boolean => {
    if (limit < 1) return false;
    if (replay.left > 0) {
      for (const link of replay.next(limit)) add("parked", link, link.revision, services.resolveLink(link));
      return true;
    }
    const page = source.next(limit);
    if (page === undefined) {
      hasCaughtUp = true;
      return false;
    }
    for (const event of page.events) {
      const sequence = source.sequenceOf(event);
      if (page.isWanted(event)) add("source", event, sequence, resolve(event));
      else deliveries.pass(sequence);
    }
    return true;
  };

  const add = (origin: Message["origin"], record: RecordedEvent, sequence: number, content: ResolvedEvent): void => {
    const { id, stream, revision } = record;
    const affinity = affinityOf[settings.strategy](content);
    const message: Message = { id, origin, sequence, stream, revision, affinity, retries: 0 };
    contents.set(message, content);
    deliveries.add(message);
  };

  const contentOf = (message: Message): ResolvedEvent => {
    const held = contents.get(message);
    if (held !== undefined) return held;
    const record = log.eventAt(message.stream, message.revision);
    if (record === undefined) throw new Error(`Event ${message.revision} of ${message.stream} is no longer there.`);
    return message.origin === "parked" ? services.resolveLink(record) : resolve(record);
  };

  const send = ({ message, consumer }: Delivered): void => {
    const connection = connections.get(consumer);
    const content = contentOf(message);
    contents.delete(message);
    meter.count();
    const slowness = connection?.send(content, message.retries);
    if (slowness === undefined) return;
    deliveries.setReady(consumer, false);
    void slowness.then(() => {
      deliveries.setReady(consumer, true);
      schedule();
    });
  };

  const setAside = async ({ message, reason }: Parking): Promise<void> => {
    parkings += 1;
    try {
      await park(writer, config, message, contentOf(message), reason);
      deliveries.settled(message);
    } catch (error) {
      deliveries.restore(message);
      onFailure(error);
    }
    parkings -= 1;
    schedule();
  };

  const endAll = (reason: RpcError): void => {
    for (const connection of [...connections.values()]) connection.end(reason);
  };

  const fail = (error: unknown): void => {
    if (!(error instanceof RpcError)) onFailure(error);
    endAll(error instanceof RpcError ? error : unknownError(`The subscription group failed: ${String(error)}`));
  };

  const leave = (id: string): void => {
    if (!connections.delete(id)) return;
    deliveries.leave(id);
    schedule();
    if (connections.size > 0) return;
    stopListening?.();
    stopListening = undefined;
    contents.clear();
  };

  const join = (consumer: Consumer): Membership => {
    const { maxSubscriberCount } = settings;
    if (maxSubscriberCount > 0 && connections.size >= maxSubscriberCount) throw maximumSubscribersReached(config);
    const connection = createConnection(consumer, nowMs);
    const { id } = connection;
    connections.set(id, connection);
    deliveries.join(id, consumer.capacity);
    stopListening ??= tail.listen(source.listensTo, schedule);
    schedule();
    return {
      acknowledge: (ids) => {
        const timeMs = nowMs();
        for (const { consumer: holder, deliveredAtMs } of deliveries.acknowledge(ids)) {
          connections.get(holder)?.answered(timeMs - deliveredAtMs);
        }
        schedule();
      },
      refuse: (ids, action, reason) => {
        for (const parking of deliveries.refuse(id, ids, action, reason)) void setAside(parking);
        schedule();
      },
      leave: () => leave(id),
    };
  };

  return {
    config,
    join,
    replayParked: async (stopAt: number | undefined): Promise<void> => {
      await replay.begin(stopAt);
      schedule();
    },
    /** Does what is due by time. Returns whether it has to be called again. */
    tick: (): boolean => {
      for (const parking of deliveries.expire(nowMs())) void setAside(parking);
      checkpoints.consider(deliveries.mark, true);
      replay.saveProgress(deliveries.replayMark);
      schedule();
      const isUnsaved = checkpoints.isPending(deliveries.mark) || replay.isPending(deliveries.replayMark);
      return !isStopped && (connections.size > 0 || parkings > 0 || isUnsaved);
    },
    /** Ends the group's work and its consumers' calls. What they did not answer is delivered by its successor. */
    stop: (): void => {
      isStopped = true;
      endAll(consumerDropped(config));
    },
    status: () => {
      const isLive = hasCaughtUp && source.behind <= settings.liveBufferSize;
      const unread = Math.min(source.behind, settings.liveBufferSize);
      return {
        config,
        isLive,
        ...meter.measure(),
        connections: [...connections.values()].map((connection) => ({
          ...connection.status(),
          inFlight: deliveries.heldBy(connection.id),
        })),
        checkpoint: checkpoints.last,
        newest: source.newest,
        readBuffer: deliveries.fresh,
        liveBuffer: isLive ? unread : 0,
        retrying: deliveries.retrying + replay.left,
        inFlight: deliveries.inFlight,
        parked: replay.parked,
      };
    },
  };
}
