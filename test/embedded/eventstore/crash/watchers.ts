import {
  type AllStreamSubscription,
  type EventStoreDBClient,
  type Position,
  START,
  type StreamSubscription,
  streamNameFilter,
} from "@eventstore/db-client";
import { isUnavailable, type Stored, stored } from "../storedEvents.ts";
import type { Gate } from "./gate.ts";
import { ownStreamPrefix, sharedStream } from "./writers.ts";

/** One who is subscribed for as long as there is a server, and goes on from where it was when there is one again. */
export type Watcher = {
  readonly name: string;
  isMeant(event: Stored): boolean;
  /** Everything it was given, in the order in which it came. */
  readonly seen: readonly Stored[];
  stop(): Promise<void>;
};

type Subscription = AllStreamSubscription | StreamSubscription;

type Watched = Pick<Watcher, "name" | "isMeant"> & { subscribe(last: Stored | undefined): Subscription };

/** Watchers of all streams, of one, and of some by a filter. */
export function startWatchers(client: EventStoreDBClient, gate: Gate): readonly Watcher[] {
  let checkpoint: Position | undefined;
  const watched: Watched[] = [
    {
      name: "all streams",
      isMeant: () => true,
      subscribe: (last) => client.subscribeToAll({ fromPosition: last ? positionOf(last) : START }),
    },
    {
      name: "one stream",
      isMeant: ({ stream }) => stream === sharedStream,
      subscribe: (last) => client.subscribeToStream(sharedStream, { fromRevision: last?.revision ?? START }),
    },
    {
      name: "some streams",
      isMeant: ({ stream }) => stream.startsWith(ownStreamPrefix),
      subscribe: (last) => {
        const reached = (_: AllStreamSubscription, position: Position) => {
          checkpoint = position;
        };
        const filter = streamNameFilter({ prefixes: [ownStreamPrefix], checkpointReached: reached });
        return client.subscribeToAll({ fromPosition: later(checkpoint, last) ?? START, filter });
      },
    },
  ];
  return watched.map((one) => watch(one, gate));
}

const positionOf = ({ position }: Stored): Position => ({ commit: position, prepare: position });

function later(checkpoint: Position | undefined, last: Stored | undefined): Position | undefined {
  if (last === undefined) return checkpoint;
  return checkpoint !== undefined && checkpoint.commit > last.position ? checkpoint : positionOf(last);
}

function watch({ name, isMeant, subscribe }: Watched, gate: Gate): Watcher {
  const seen: Stored[] = [];
  let isStopping = false;
  let subscription: Subscription | undefined;
  const follow = async () => {
    while (!isStopping) {
      await gate.opened();
      subscription = subscribe(seen.at(-1));
      try {
        for await (const { event } of subscription) if (event !== undefined) seen.push(stored(event));
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
    seen,
    stop: async () => {
      isStopping = true;
      await subscription?.unsubscribe();
      await following;
    },
  };
}
