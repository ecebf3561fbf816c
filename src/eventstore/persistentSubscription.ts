import { Duplex } from "node:stream";
import {
  type EventStoreDBClient,
  eventTypeFilter,
  PARK,
  PersistentSubscriptionDoesNotExistError,
  PersistentSubscriptionDroppedError,
  PersistentSubscriptionExistsError,
  type PersistentSubscriptionToAll,
  type PersistentSubscriptionToAllInfo,
  type PersistentSubscriptionToAllSettings,
  persistentSubscriptionToAllSettingsFromDefaults,
  type RecordedEvent,
  START,
} from "@eventstore/db-client";
import { pause } from "../platform/lease.ts";
import { type Connection, isUnavailability } from "./connection.ts";
import { EventStoreUnavailable, type StoredEvent } from "./store.ts";

/** Consumers who share the events of these types among them: each event goes to one of them until one has answered. */
type Group = { name: string; types: readonly string[] };

/** What became of an event: what is left is handed out again, what is parked waits for `replay`, with this reason. */
export type Answer = "done" | "left" | { parked: string };

type Membership = {
  /** The member is given as many events at once. */
  inHandMax: number;
  /** Says when to leave. */
  signal: AbortSignal;
  onJoined: () => void;
  /** `over` is aborted when the membership ends, and the answer might not be heard any more. Never throws. */
  handle: (event: StoredEvent, over: AbortSignal) => Promise<Answer>;
};

type GroupStanding = {
  name: string;
  members: number;
  /** Events that are being dealt with, or are waiting to be dealt with again. */
  inHand: number;
  parked: number;
};

/** Persistent subscriptions to `$all`: the event store itself knows how far each group has come. */
export type Groups = {
  /**
   * Takes part in a group, which is made when it is not there and then begins with the first event of all. Resolves
   * when `signal` is aborted and everything in hand is answered; otherwise ends with an error, `EventStoreUnavailable`
   * where joining again will do. Every event is had at least once: what the store heard no answer to it gives again,
   * to whoever takes part.
   */
  join(group: Group, membership: Membership): Promise<void>;
  /** Those of ours in the store, whoever made them. */
  list(): Promise<readonly GroupStanding[]>;
  /** Hands out again what is parked. Errors: `NoSuchGroup`. */
  replay(name: string): Promise<void>;
  /** Forgets how far the group has come and what is parked: who takes part begins with the first event of all. */
  restart(name: string): Promise<void>;
};

class NoSuchGroup extends Error {
  override readonly name = "NoSuchGroup";
}

const prefix = "everfold-";

/**
 * What has no answer for so long is given to another member as well. Members that end are noticed at once: this is
 * about those that hang, and about an effect that waits for something unavailable, which then has two waiting for it.
 */
const answerTimeoutMs = 600_000;
/** The store shall park nothing by itself: a member says so, and knows why. */
const retriesMax = 2 ** 31 - 1;
/**
 * A checkpoint is an event, which all groups pass, and which counts as progress: were this not far above the number of
 * groups, their checkpoints would go on by themselves for ever. After the store has ended without one, up to so many
 * events are handed out again.
 */
const checkpointAfterEvents = 50;

const settings: PersistentSubscriptionToAllSettings = persistentSubscriptionToAllSettingsFromDefaults({
  startFrom: START,
  messageTimeout: answerTimeoutMs,
  maxRetryCount: retriesMax,
  checkPointLowerBound: checkpointAfterEvents,
});

export const groupsOver = (connection: Connection): Groups => {
  /** Runs `use` on a connection that stands, and says in the port's words when it does not any more. */
  const over = async <T>(use: (client: EventStoreDBClient) => Promise<T>): Promise<T> => {
    const client = await connection.client();
    try {
      return await use(client);
    } catch (error) {
      if (error instanceof PersistentSubscriptionDroppedError)
        throw new EventStoreUnavailable("the event store has ended the subscription", { cause: error });
      if (error instanceof EventStoreUnavailable || !isUnavailability(error)) throw error;
      connection.failed(client);
      throw new EventStoreUnavailable("the event store cannot be reached", { cause: error });
    }
  };
  const named = <T>(name: string, use: (client: EventStoreDBClient) => Promise<T>): Promise<T> =>
    over(use).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      throw new NoSuchGroup(`there is no group ${name}`, { cause: error });
    });

  return {
    join: (group, membership) =>
      over((client) =>
        takePart(client, group, membership).catch(async (error: unknown) => {
          if (!isMissing(error)) throw error;
          await create(client, group);
          await takePart(client, group, membership);
        }),
      ),
    list: async () => {
      const infos = await over((client) => client.listPersistentSubscriptionsToAll()).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
        return [];
      });
      return infos.filter(({ groupName }) => groupName.startsWith(prefix)).map(standingOf);
    },
    replay: (name) => named(name, (client) => client.replayParkedMessagesToAll(prefix + name)),
    restart: (name) => named(name, (client) => client.deletePersistentSubscriptionToAll(prefix + name)),
  };
};

const isMissing = (error: unknown): boolean => error instanceof PersistentSubscriptionDoesNotExistError;

const standingOf = ({ groupName, connections, stats }: PersistentSubscriptionToAllInfo): GroupStanding => ({
  name: groupName.slice(prefix.length),
  members: connections.length,
  inHand: stats.totalInFlightMessages + stats.retryBufferCount,
  parked: Number(stats.parkedMessageCount),
});

/** Another process may be as quick. */
const create = async (client: EventStoreDBClient, { name, types }: Group): Promise<void> => {
  const filter = eventTypeFilter({ regex: `^(${types.join("|")})$` });
  try {
    await client.createPersistentSubscriptionToAll(prefix + name, settings, { filter });
  } catch (error) {
    if (!(error instanceof PersistentSubscriptionExistsError)) throw error;
  }
};

/** Until `signal` is aborted; rejects when the subscription ends before. Either way nothing is in hand afterwards. */
const takePart = async (client: EventStoreDBClient, { name }: Group, membership: Membership): Promise<void> => {
  const { signal, inHandMax, onJoined } = membership;
  const subscription = client.subscribeToPersistentSubscriptionToAll(prefix + name, { bufferSize: inHandMax });
  const broken = Promise.withResolvers<never>();
  const leaving = Promise.withResolvers<void>();
  const onLeave = () => leaving.resolve();
  if (signal.aborted) onLeave();
  signal.addEventListener("abort", onLeave, { once: true });
  const hand = takingInHand(subscription, membership, broken);
  const bidFarewell = farewell(subscription, broken.promise);
  subscription
    .on("confirmation", onJoined)
    .on("data", hand.take)
    .on("error", broken.reject)
    .on("end", () => broken.reject(new EventStoreUnavailable("the event store has ended the subscription")));
  try {
    await Promise.race([leaving.promise, broken.promise]);
    await hand.laidDown();
    await bidFarewell();
  } finally {
    signal.removeEventListener("abort", onLeave);
    await hand.laidDown();
    void subscription.unsubscribe().catch(() => undefined);
  }
};

type Delivery = Parameters<PersistentSubscriptionToAll["ack"]>[0];

const takingInHand = (
  subscription: PersistentSubscriptionToAll,
  { signal, handle }: Membership,
  broken: PromiseWithResolvers<never>,
) => {
  const over = new AbortController();
  const inHand = new Map<string, Promise<void>>();

  const deal = async (delivery: Delivery): Promise<void> => {
    // What a parked link leads to may have been deleted.
    const answer = delivery.event ? await handle(storedEvent(delivery.event), over.signal) : "done";
    // The client does not settle what it could not send any more.
    await Promise.race([give(subscription, delivery, answer), broken.promise]);
  };
  return {
    take: (delivery: Delivery): void => {
      const id = (delivery.link ?? delivery.event)?.id;
      // What took too long comes again, perhaps to where it still is in hand: one answer is enough for both.
      if (id === undefined || inHand.has(id) || signal.aborted || over.signal.aborted) return;
      const dealt = deal(delivery)
        .catch(broken.reject)
        .finally(() => inHand.delete(id));
      inHand.set(id, dealt);
    },
    /** Takes nothing any more, and resolves when what is in hand is answered. */
    laidDown: async (): Promise<void> => {
      over.abort();
      await Promise.all(inHand.values());
    },
  };
};

const storedEvent = (event: RecordedEvent): StoredEvent => {
  const { id, streamId, type, data, metadata, revision, position } = event;
  // What stands in the streams of our categories was written by our own codec, which checks it again when it decodes.
  return { id, stream: streamId, type, data, metadata, revision, position: position?.commit } as StoredEvent;
};

const give = async (subscription: PersistentSubscriptionToAll, delivery: Delivery, answer: Answer): Promise<void> => {
  if (answer === "done") await subscription.ack(delivery);
  else if (answer !== "left") await subscription.nack(PARK, answer.parked, delivery);
};

const heardWithinMs = 2_000;

/**
 * Leaving cancels a call, and a cancelled call may lose what was sent over it last. Answers before the end of what is
 * sent are heard before it, and a server may then end the call itself.
 */
const farewell = (subscription: PersistentSubscriptionToAll, ended: Promise<unknown>) => {
  let call: Duplex | undefined;
  subscription.once("pipe", (source) => {
    if (source instanceof Duplex) call = source;
  });
  return async (): Promise<void> => {
    call?.end();
    const waited = new AbortController();
    await Promise.race([ended.catch(() => undefined), pause(heardWithinMs, waited.signal)]);
    waited.abort();
  };
};
