import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { GossipService } from "@eventstore/db-client/generated/gossip_grpc_pb.js";
import { ServerFeaturesService } from "@eventstore/db-client/generated/serverfeatures_grpc_pb.js";
import { Server } from "@grpc/grpc-js";
import type { Access } from "./access/access.ts";
import { type Listener, listen } from "./access/listener.ts";
import type { ProposedEvent } from "./event.ts";
import { persistentDefinition } from "./persistent/definition.ts";
import { createGroups } from "./persistent/groups.ts";
import { createPersistentService } from "./persistent/service.ts";
import { createBatchAppendHandler } from "./protocol/batchAppendCall.ts";
import { createCallGuard } from "./protocol/callGuard.ts";
import { clusterOfOne } from "./protocol/gossip.ts";
import { createReadHandler } from "./protocol/readCall.ts";
import { supportedMethods } from "./protocol/serverFeatures.ts";
import { streamsDefinition } from "./protocol/streamsDefinition.ts";
import { createStreamsWrites } from "./protocol/streamsService.ts";
import { writeAhead } from "./protocol/writeAhead.ts";
import { openDatabase, openMemoryDatabase } from "./storage/database.ts";
import { type Log, openLog } from "./storage/log.ts";
import { createLinkResolver } from "./streams/links.ts";
import { createStreamMetadata } from "./streams/metadata.ts";
import { createReads } from "./streams/reads.ts";
import { createSubscriptions } from "./streams/subscriptions.ts";
import { createTail } from "./streams/tail.ts";
import { createWriter, type Writer } from "./streams/writer.ts";

const farewellMaxMs = 1_000;
const maxAppendBytes = 1_048_576;
const maxMessageBytes = 17 * 1024 * 1024;
const maxMetadataBytes = 64 * 1024;
/** More than these wait in the client until one of them has ended. */
const maxCallsPerConnection = 10_000;

export type EventStoreServer = {
  readonly port: number;
  /** For the official client; it holds the password where there is one. */
  readonly connectionString: string;
  /** Ends every call, finishes the writes that were accepted and closes the database. */
  stop(): Promise<void>;
};

type ServerOptions = {
  /** Undefined keeps the events in memory. */
  readonly directory: string | undefined;
  /** 0 takes any free port. */
  readonly port: number;
  readonly access: Access;
  /** Told of what a caller is not to blame for. */
  readonly onFailure: (error: unknown) => void;
  /** Told why a connection was not let in. */
  readonly onRefusal: (reason: string) => void;
};

/** Opens the folder and serves it. Rejects when the folder is unusable or the port is taken. */
export async function startServer(options: ServerOptions): Promise<EventStoreServer> {
  const { directory, access, onFailure } = options;
  const log = openLog(directory === undefined ? openMemoryDatabase() : openDatabase(directory));
  try {
    const metadata = createStreamMetadata(log);
    const tail = createTail(log.lastPosition);
    const writer = createWriter(log, metadata, tail.publish, onFailure);
    await recordCreation(log, writer);

    const reads = createReads(log, metadata, Date.now);
    const subscriptions = createSubscriptions(log, reads, tail);
    const writes = createStreamsWrites(writer, maxAppendBytes);
    const guard = createCallGuard(onFailure);
    const resolveLink = createLinkResolver(log, metadata, Date.now);
    const services = { log, reads, metadata, tail, writer, resolveLink, nowMs: () => performance.now(), onFailure };
    const groups = createGroups(services);
    const instanceId = randomUUID();
    const server = new Server({
      interceptors: [...access.interceptors, writeAhead],
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.max_send_message_length": -1,
      "grpc.max_metadata_size": maxMetadataBytes,
      "grpc.max_concurrent_streams": maxCallsPerConnection,
    });
    server.addService(streamsDefinition, {
      read: guard.streaming(createReadHandler(reads, subscriptions, resolveLink)),
      append: guard.clientStreaming(writes.append),
      delete: guard.unary(writes.delete),
      tombstone: guard.unary(writes.tombstone),
      batchAppend: guard.duplex(createBatchAppendHandler(writer, maxAppendBytes, onFailure)),
    });
    server.addService(persistentDefinition, createPersistentService(groups, guard, onFailure));
    server.addService(ServerFeaturesService, { getSupportedMethods: guard.unary(async () => supportedMethods()) });
    const listener = await listen(options.port, options.onRefusal);
    const { host, port, address } = listener;
    server.addService(GossipService, { read: guard.unary(async () => clusterOfOne(instanceId, host, port)) });
    await admitTo(server, listener, access);

    const stop = async () => {
      const callsEnded = guard.shutDown();
      groups.stop();
      const ended = listener.close();
      await callsEnded;
      await writer.settled();
      await farewell(server, ended);
      // What was taken in until the connections ended is still written, but by now nobody waits for the answer.
      await writer.settled();
      log.close();
    };
    return { port, connectionString: access.connectionString(address), stop };
  } catch (error) {
    log.close();
    throw error;
  }
}

async function admitTo(server: Server, listener: Listener, access: Access): Promise<void> {
  try {
    listener.serve(server.createConnectionInjector(access.credentials), await access.admission(listener.port));
  } catch (error) {
    await listener.close();
    throw error;
  }
}

// Lets the last answers and statuses reach their callers, who would otherwise see a broken connection.
async function farewell(server: Server, connectionsEnded: Promise<void>): Promise<void> {
  server.tryShutdown(() => {});
  await Promise.race([connectionsEnded, pause(farewellMaxMs)]);
  server.forceShutdown();
}

// A store is never quite empty: like its model it begins with an event of its own, which also dates the database.
async function recordCreation(log: Log, writer: Writer): Promise<void> {
  if (log.lastPosition > 0) return;
  const created: ProposedEvent = {
    id: randomUUID(),
    type: "$databaseCreated",
    isJson: true,
    data: Buffer.from("{}"),
    metadata: new Uint8Array(),
  };
  await writer.write({ kind: "append", stream: "$database", expected: "no_stream", events: [created] });
}
