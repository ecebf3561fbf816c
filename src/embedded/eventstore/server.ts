import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { GossipService } from "@eventstore/db-client/generated/gossip_grpc_pb.js";
import { ServerFeaturesService } from "@eventstore/db-client/generated/serverfeatures_grpc_pb.js";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { createBatchAppendHandler } from "./batchAppendCall.ts";
import { createCallGuard } from "./callGuard.ts";
import { openDatabase } from "./database.ts";
import type { ProposedEvent } from "./event.ts";
import { clusterOfOne } from "./gossip.ts";
import { createLinkResolver } from "./links.ts";
import { type Log, openLog } from "./log.ts";
import { createStreamMetadata } from "./metadata.ts";
import { createReadHandler } from "./readCall.ts";
import { createReads } from "./reads.ts";
import { supportedMethods } from "./serverFeatures.ts";
import { streamsDefinition } from "./streamsDefinition.ts";
import { createStreamsWrites } from "./streamsService.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { createTail } from "./tail.ts";
import { writeAhead } from "./writeAhead.ts";
import { createWriter, type Writer } from "./writer.ts";

const host = "127.0.0.1";
const farewellMaxMs = 1_000;
const maxAppendBytes = 1_048_576;
const maxMessageBytes = 17 * 1024 * 1024;
const maxMetadataBytes = 64 * 1024;

export type EventStoreServer = {
  readonly port: number;
  /** Ends every call, finishes the writes that were accepted and closes the database. */
  stop(): Promise<void>;
};

type ServerOptions = {
  readonly directory: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Told of what a caller is not to blame for. */
  readonly onFailure: (error: unknown) => void;
};

/** Opens the folder and serves it. Rejects when the folder is unusable or the port is taken. */
export async function startServer({ directory, port, onFailure }: ServerOptions): Promise<EventStoreServer> {
  const log = openLog(openDatabase(directory));
  try {
    const metadata = createStreamMetadata(log);
    const tail = createTail(log.lastPosition);
    const writer = createWriter(log, metadata, tail.publish);
    await recordCreation(log, writer);

    const reads = createReads(log, metadata, Date.now);
    const subscriptions = createSubscriptions(log, reads, tail);
    const writes = createStreamsWrites(writer, maxAppendBytes);
    const guard = createCallGuard(onFailure);
    const instanceId = randomUUID();
    const server = new Server({
      interceptors: [writeAhead],
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.max_send_message_length": -1,
      "grpc.max_metadata_size": maxMetadataBytes,
    });
    server.addService(streamsDefinition, {
      read: guard.streaming(createReadHandler(reads, subscriptions, createLinkResolver(log, metadata, Date.now))),
      append: guard.clientStreaming(writes.append),
      delete: guard.unary(writes.delete),
      tombstone: guard.unary(writes.tombstone),
      batchAppend: guard.duplex(createBatchAppendHandler(writer, maxAppendBytes, onFailure)),
    });
    server.addService(ServerFeaturesService, { getSupportedMethods: guard.unary(async () => supportedMethods()) });
    const boundPort = await bind(server, port);
    server.addService(GossipService, { read: guard.unary(async () => clusterOfOne(instanceId, host, boundPort)) });

    const stop = async () => {
      guard.shutDown();
      await writer.settled();
      await farewell(server);
      log.close();
    };
    return { port: boundPort, stop };
  } catch (error) {
    log.close();
    throw error;
  }
}

// Lets the last answers and statuses reach their callers, who would otherwise see a broken connection.
async function farewell(server: Server): Promise<void> {
  const said = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  await Promise.race([said, pause(farewellMaxMs)]);
  server.forceShutdown();
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, boundPort) => {
      if (error === null) resolve(boundPort);
      else reject(new Error(`Port ${port} on ${host} cannot be listened on: ${error.message}`, { cause: error }));
    });
  });
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
