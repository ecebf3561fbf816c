import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Message } from "google-protobuf";
import { onTestFinished } from "vitest";
import type { EmbeddedEventStore } from "../../../src/embedded/eventStore.ts";
import { addressOf } from "./rawRequests.ts";

/*
 * Calls below gRPC, for clients that read too slowly, break off or never were gRPC clients.
 */

/** An HTTP/2 connection that is let go of with the test; what becomes of it is nobody's failure. */
export async function openSession(store: EmbeddedEventStore, initialWindowSize = 65_535): Promise<ClientHttp2Session> {
  const session = connect(`http://${addressOf(store)}`, { settings: { initialWindowSize } });
  onTestFinished(() => session.destroy());
  session.on("error", () => {});
  await once(session, "connect");
  return session;
}

/** Begins a call of the Streams service, of which nothing has been sent yet and nothing is read. */
export function begin(session: ClientHttp2Session, method: string): ClientHttp2Stream {
  const call = session.request({
    ":method": "POST",
    ":path": `/event_store.client.streams.Streams/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  call.on("error", () => {});
  return call;
}

/** A message as gRPC puts it into a call. */
export function frame(message: Message): Buffer {
  const bytes = message.serializeBinary();
  const header = Buffer.alloc(5);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

/** What the process that serves holds in memory, in mebibytes. */
export const memoryOf = ({ pid }: EmbeddedEventStore): number =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1_024;
