import { setTimeout as pause } from "node:timers/promises";
import type { EventStoreDBClient } from "@eventstore/db-client";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import services from "@eventstore/db-client/generated/streams_grpc_pb.js";
import messages, { type ReadResp } from "@eventstore/db-client/generated/streams_pb.js";
import { type Connection, isUnavailability } from "../connection.ts";
import { type CopiedEvent, isCopied } from "./copiedEvent.ts";
import { CopyRefused, type Place, type Reading } from "./place.ts";

const { ReadReq } = messages;
const { Options } = ReadReq;
const { ReadDirection } = Options;

/** A server that does not come back within this time is given up. */
const awayMaxMs = 30_000;
const retryMs = 250;

/** Reads of a store from another one's end on, or up to a place in it. Positions are inclusive. */
type Bounds = { after?: bigint; until?: bigint };

/**
 * What a store holds, over the official client's connection. Its own reads would parse JSON, and what was parsed is
 * not written back as the same bytes. Without `until` it is what is there when the reading begins.
 */
export const storePlace = (name: string, connection: Connection, { after = -1n, until }: Bounds = {}): Place => ({
  name,
  async *events(onReading = () => undefined) {
    const end = until ?? (await endOf(connection, name));
    for await (const event of readAll(connection, name, after, end, onReading)) if (isCopied(event.stream)) yield event;
  },
});

/** The position of the newest event of all; -1 when there is none. */
export const endOf = async (connection: Connection, name: string, patienceMs = awayMaxMs): Promise<bigint> => {
  const request = requestOf(ReadDirection.BACKWARDS, (all) => all.setEnd(new shared.Empty()));
  request.getOptions()?.setCount("1");
  return persistently(
    name,
    async () => {
      for await (const { position } of call(connection, request)) return position;
      return -1n;
    },
    patienceMs,
  );
};

/** What stands at a position; undefined where nothing begins. */
export const eventAt = async (
  connection: Connection,
  name: string,
  position: bigint,
): Promise<CopiedEvent | undefined> => {
  const request = requestFrom(position);
  request.getOptions()?.setCount("1");
  return persistently(name, async () => {
    for await (const event of call(connection, request)) return event.position === position ? event : undefined;
    return undefined;
  });
};

/** Oldest first; goes on by itself where a connection broke. */
async function* readAll(
  connection: Connection,
  name: string,
  after: bigint,
  until: bigint,
  onReading: (reading: Reading) => void,
): AsyncGenerator<CopiedEvent> {
  let position = after;
  let awaySince: number | undefined;
  while (position < until) {
    try {
      for await (const event of call(connection, requestFrom(position))) {
        awaySince = undefined;
        if (event.position <= position) continue;
        if (event.position > until) return;
        position = event.position;
        onReading({ done: Number(position), total: Number(until) });
        yield event;
      }
      return;
    } catch (error) {
      awaySince = await awayAgain(error, { name, patienceMs: awayMaxMs }, awaySince);
    }
  }
}

/** Tries again for as long as it may help. */
export const persistently = async <T>(name: string, work: () => Promise<T>, patienceMs = awayMaxMs): Promise<T> => {
  for (let awaySince: number | undefined; ; ) {
    try {
      return await work();
    } catch (error) {
      awaySince = await awayAgain(error, { name, patienceMs }, awaySince);
    }
  }
};

type Patience = { name: string; patienceMs: number };

const awayAgain = async (
  error: unknown,
  { name, patienceMs }: Patience,
  since = performance.now(),
): Promise<number> => {
  if (!isUnavailability(error)) throw error;
  if (performance.now() - since > patienceMs)
    throw new CopyRefused(
      `${name} cannot be reached: ${reasonOf(error)}. The same command goes on from here when it can be.`,
      { cause: error },
    );
  await pause(retryMs);
  return since;
};

const reasonOf = (error: unknown): string => {
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  return cause instanceof Error ? `${message} (${cause.message})` : message;
};

const requestFrom = (position: bigint) =>
  requestOf(ReadDirection.FORWARDS, (all) => {
    if (position < 0n) return all.setStart(new shared.Empty());
    const text = position.toString();
    return all.setPosition(new Options.Position().setCommitPosition(text).setPreparePosition(text));
  });

const requestOf = (
  direction: 0 | 1,
  from: (all: InstanceType<typeof Options.AllOptions>) => InstanceType<typeof Options.AllOptions>,
) =>
  new ReadReq().setOptions(
    new Options()
      .setAll(from(new Options.AllOptions()))
      .setReadDirection(direction)
      .setResolveLinks(false)
      .setCount(Number.MAX_SAFE_INTEGER.toString())
      .setNoFilter(new shared.Empty())
      .setUuidOption(new Options.UUIDOption().setString(new shared.Empty())),
  );

async function* call(connection: Connection, request: InstanceType<typeof ReadReq>): AsyncGenerator<CopiedEvent> {
  const client = await connection.client();
  const responses = await openRead.call(client, request);
  responses.on("error", () => undefined);
  try {
    for await (const response of responses.iterator({ destroyOnReturn: false })) {
      const event = copiedEvent(response);
      if (event) yield event;
    }
  } catch (error) {
    if (isUnavailability(error)) connection.failed(client);
    throw error;
  } finally {
    // What has come in is let through, since a call whose answers stay unread never ends.
    responses.cancel();
    responses.resume();
  }
}

function openRead(this: EventStoreDBClient, request: InstanceType<typeof ReadReq>) {
  return this.GRPCStreamCreator(services.StreamsClient, "readAll", (client) =>
    client.read(request, ...this.callArguments({}, { deadline: Infinity })),
  )();
}

const copiedEvent = (response: ReadResp): CopiedEvent | undefined => {
  const event = response.getEvent()?.getEvent();
  if (!event) return undefined;
  const metadata = event.getMetadataMap();
  return {
    stream: Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString(),
    revision: BigInt(event.getStreamRevision()),
    id: event.getId()?.getString() ?? "",
    type: metadata.get("type") ?? "",
    isJson: metadata.get("content-type") === "application/json",
    data: event.getData_asU8(),
    metadata: event.getCustomMetadata_asU8(),
    created: metadata.get("created") ?? "0",
    position: BigInt(event.getCommitPosition()),
  };
};
