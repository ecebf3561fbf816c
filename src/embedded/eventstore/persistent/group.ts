import { RpcError, unknownError } from "../errors.ts";
import { createCheckpoints, loadCheckpoint } from "./checkpoints.ts";
import type { Consumer } from "./connection.ts";
import { createDeliveries } from "./deliveries.ts";
import { consumerDropped } from "./errors.ts";
import type { GroupConfig } from "./groupConfig.ts";
import { createGroupReader } from "./groupReader.ts";
import type { GroupServices } from "./groupServices.ts";
import { type GroupStatus, statusOf } from "./groupStatus.ts";
import { createMembers, type Membership } from "./members.ts";
import { createParking } from "./parking.ts";
import { createPump } from "./pump.ts";
import { createReplay } from "./replay.ts";
import { createMeter } from "./statistics.ts";

export type Group = {
  join(consumer: Consumer): Membership;
  /** Resolves when what is replayed is decided, and durable. */
  replayParked(stopAt: number | undefined): Promise<void>;
  /** Does what is due by time. Returns whether it has to be called again. */
  tick(): boolean;
  /** Ends the group's work and its consumers' calls. What they did not answer is delivered by its successor. */
  stop(): void;
  status(): GroupStatus;
};

const deliveriesPerTurn = 64;

/** One group at work. It reads only while somebody can take what it reads, and costs nothing while nobody is there. */
export function createGroup(config: GroupConfig, services: GroupServices): Group {
  const { log, metadata, nowMs, tail, onFailure } = services;
  const checkpoint = loadCheckpoint(log, metadata, config);
  const startsAfter = checkpoint ?? config.startsAfter;
  const deliveries = createDeliveries(config.settings, startsAfter);
  const replay = createReplay(config, services);
  const reader = createGroupReader(config, startsAfter, services, deliveries, replay);
  const checkpoints = createCheckpoints(config, checkpoint, services);
  const meter = createMeter(nowMs);

  /** Whether there is more than fits into a turn. */
  const handOut = (): boolean => {
    const taken = deliveries.take(nowMs(), deliveriesPerTurn);
    for (const delivered of taken) members.send(delivered, reader.takeContentOf(delivered.message));
    return taken.length === deliveriesPerTurn;
  };
  const turn = (): boolean => {
    if (handOut()) return true;
    const hasRead = reader.pull(deliveries.wanted);
    if (hasRead) handOut();
    checkpoints.consider(deliveries.mark, false);
    return hasRead;
  };
  const pump = createPump(turn, (error) => {
    if (!(error instanceof RpcError)) onFailure(error);
    members.endAll(error instanceof RpcError ? error : unknownError(`The subscription group failed: ${String(error)}`));
  });
  const parking = createParking(config, reader.contentOf, deliveries, services, pump.run);
  let stopListening: (() => void) | undefined;
  const members = createMembers(config, deliveries, meter, nowMs, {
    onRoom: pump.run,
    onAnswer: pump.runNow,
    onParking: parking.add,
    onLastGone: () => {
      stopListening?.();
      stopListening = undefined;
      reader.forget();
    },
  });

  return {
    join(consumer) {
      const membership = members.join(consumer);
      stopListening ??= tail.listen(reader.listensTo, pump.run);
      return membership;
    },
    async replayParked(stopAt) {
      await replay.begin(stopAt);
      pump.run();
    },
    tick() {
      parking.add(deliveries.expire(nowMs()));
      checkpoints.consider(deliveries.mark, true);
      replay.saveProgress(deliveries.replayMark);
      pump.run();
      const isUnsaved = checkpoints.isPending(deliveries.mark) || replay.isPending(deliveries.replayMark);
      return members.connections.size > 0 || parking.isBusy || isUnsaved;
    },
    stop() {
      pump.stop();
      replay.stop();
      members.endAll(consumerDropped(config));
    },
    status: () =>
      statusOf({ config, connections: members.connections, deliveries, reader, replay, checkpoints, meter }),
  };
}
