import {
  BACKWARDS,
  END,
  type EventStoreDBClient,
  type PersistentSubscriptionToAll,
  type PersistentSubscriptionToStream,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
  START,
  StreamNotFoundError,
  streamNameFilter,
} from "@eventstore/db-client";
import { isUnavailable, type Stored, stored } from "../storedEvents.ts";
import type { Gate } from "./gate.ts";
import { ownStreamPrefix, sharedStream } from "./writers.ts";

/** One who takes part in a group for as long as there is a server: it acknowledges most events and parks some. */
export type Consumer = {
  readonly name: string;
  isMeant(event: Stored): boolean;
  /** What it acknowledged or parked, whether or not the server came to know of it. */
  readonly settled: ReadonlySet<string>;
  /** What it was given although the group's checkpoint, at the last start, said that this was done with. */
  readonly repeated: readonly Stored[];
  readonly deliveries: number;
  /** Reads the group's checkpoint, and gives those of its events that are done with. */
  doneWith(events: readonly Stored[]): Promise<readonly Stored[]>;
  /** Those of the events that it parks and that its group has not set aside. */
  missingAmongParked(events: readonly Stored[]): Promise<readonly Stored[]>;
  stop(): Promise<void>;
};

const group = "crash";
const bufferSize = 50;
const parkedShare = 20n;
const often = { checkPointAfter: 50, checkPointLowerBound: 1, checkPointUpperBound: 20 };
const watchedPrefix = `${ownStreamPrefix}0-`;

type Membership = Pick<Consumer, "name" | "isMeant"> & {
  readonly source: string;
  placeOf(event: Stored): bigint;
  subscribe(): PersistentSubscriptionToStream | PersistentSubscriptionToAll;
};

/** Consumers of a group of one stream and of one of several streams by a filter; both groups are new. */
export async function startConsumers(client: EventStoreDBClient, gate: Gate): Promise<readonly Consumer[]> {
  await client.createPersistentSubscriptionToStream(
    sharedStream,
    group,
    persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, ...often }),
  );
  await client.createPersistentSubscriptionToAll(
    group,
    persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START, ...often }),
    { filter: streamNameFilter({ prefixes: [watchedPrefix] }) },
  );
  const memberships: Membership[] = [
    {
      name: "one stream",
      source: sharedStream,
      isMeant: ({ stream }) => stream === sharedStream,
      placeOf: ({ revision }) => revision,
      subscribe: () => client.subscribeToPersistentSubscriptionToStream(sharedStream, group, { bufferSize }),
    },
    {
      name: "some streams",
      source: "$all",
      isMeant: ({ stream }) => stream.startsWith(watchedPrefix),
      placeOf: ({ position }) => position,
      subscribe: () => client.subscribeToPersistentSubscriptionToAll(group, { bufferSize }),
    },
  ];
  return memberships.map((membership) => consume(client, membership, gate));
}

function consume(client: EventStoreDBClient, membership: Membership, gate: Gate): Consumer {
  const { name, source, isMeant, placeOf } = membership;
  const settled = new Set<string>();
  const repeated: Stored[] = [];
  let deliveries = 0;
  let checkpoint = -1n;
  let isStopping = false;
  let subscription: PersistentSubscriptionToStream | PersistentSubscriptionToAll | undefined;

  const follow = async () => {
    while (!isStopping) {
      await gate.opened();
      subscription = membership.subscribe();
      try {
        for await (const delivery of subscription) {
          if (delivery.event === undefined) continue;
          const event = stored(delivery.event);
          deliveries += 1;
          if (placeOf(event) <= checkpoint) repeated.push(event);
          settled.add(event.id);
          if (isParked(event)) await subscription.nack("park", "set aside", delivery);
          else await subscription.ack(delivery);
        }
      } catch (error) {
        if (!isUnavailable(error)) throw error;
      }
    }
  };
  const following = follow();
  following.catch(() => {});

  return {
    name,
    isMeant,
    settled,
    repeated,
    get deliveries() {
      return deliveries;
    },
    doneWith: async (events) => {
      checkpoint = await checkpointOf(client, source);
      return events.filter((event) => isMeant(event) && placeOf(event) <= checkpoint);
    },
    missingAmongParked: async (events) => {
      const parked = await parkedOf(client, source);
      return events.filter((event) => isParked(event) && !parked.has(`${event.revision}@${event.stream}`));
    },
    stop: async () => {
      isStopping = true;
      await subscription?.unsubscribe();
      await following;
    },
  };
}

const isParked = ({ revision }: Stored): boolean => revision % parkedShare === 7n;

const ofGroup = (source: string, what: "checkpoint" | "parked") =>
  `$persistentsubscription-${source}::${group}-${what}`;

/** The revision or the commit position up to which the group is done; -1 when there is none. */
async function checkpointOf(client: EventStoreDBClient, source: string): Promise<bigint> {
  const [text = "-1"] = await dataIn(client, ofGroup(source, "checkpoint"), 1);
  return BigInt(/\d+|-1/.exec(text)?.[0] ?? -1);
}

const parkedOf = async (client: EventStoreDBClient, source: string): Promise<ReadonlySet<string>> =>
  new Set(await dataIn(client, ofGroup(source, "parked")));

/** The data of a stream's events as text, the newest first. */
async function dataIn(
  client: EventStoreDBClient,
  stream: string,
  maxCount = Number.MAX_SAFE_INTEGER,
): Promise<string[]> {
  const texts: string[] = [];
  try {
    for await (const { event } of client.readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount })) {
      const data: unknown = event?.data;
      texts.push(data instanceof Uint8Array ? Buffer.from(data).toString() : String(data));
    }
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
  return texts;
}
