import type { Checkpoints } from "./checkpoints.ts";
import type { Connection } from "./connection.ts";
import type { Deliveries } from "./deliveries.ts";
import type { GroupConfig } from "./groupConfig.ts";
import type { GroupReader } from "./groupReader.ts";
import type { Replay } from "./replay.ts";
import type { Meter } from "./statistics.ts";

type Parts = {
  readonly config: GroupConfig;
  readonly connections: ReadonlyMap<string, Connection>;
  readonly deliveries: Deliveries;
  readonly reader: GroupReader;
  readonly replay: Replay;
  readonly checkpoints: Checkpoints;
  readonly meter: Meter;
};

export type GroupStatus = ReturnType<typeof statusOf>;

/** How a group does at this moment. */
export function statusOf({ config, connections, deliveries, reader, replay, checkpoints, meter }: Parts) {
  const { fresh, retrying, inFlight } = deliveries.counts;
  // What the group would find in the memory of the newest events counts as received: it needs no history for it.
  const isLive = reader.hasCaughtUp && reader.behind <= config.settings.liveBufferSize;
  return {
    config,
    isLive,
    ...meter.measure(),
    connections: [...connections.values()].map((connection) => ({
      ...connection.status(),
      inFlight: deliveries.heldBy(connection.id),
    })),
    checkpoint: checkpoints.last,
    newest: reader.newest,
    readBuffer: fresh,
    liveBuffer: isLive ? reader.behind : 0,
    retrying: retrying + replay.left,
    inFlight,
    parked: replay.parked,
  };
}
