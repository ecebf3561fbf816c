import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:http2";
import { Duplex } from "node:stream";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import streams from "@eventstore/db-client/generated/streams_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { onTestFinished } from "vitest";

const frame = (message: { serializeBinary(): Uint8Array }): Buffer => {
  const bytes = message.serializeBinary();
  const header = Buffer.alloc(5);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
};

const appendOf = (stream: string): Buffer => {
  const options = new streams.AppendReq.Options()
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(stream)))
    .setAny(new empty.Empty());
  const event = new streams.AppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(randomUUID()))
    .setData(Buffer.from("{}"));
  event.getMetadataMap().set("type", "Planted").set("content-type", "application/json");
  return Buffer.concat([
    frame(new streams.AppendReq().setOptions(options)),
    frame(new streams.AppendReq().setProposedMessage(event)),
  ]);
};

/** All that a client has to send to append one event to the stream, from the first byte of its connection on. */
async function bytesOfAppend(stream: string): Promise<Buffer> {
  const sent: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      sent.push(chunk);
      done();
    },
  });
  const session = connect("http://127.0.0.1", { createConnection: () => wire });
  const call = session.request({
    ":method": "POST",
    ":path": "/event_store.client.streams.Streams/Append",
    "content-type": "application/grpc",
    te: "trailers",
  });
  call.end(appendOf(stream));
  await once(call, "finish");
  session.destroy();
  return Buffer.concat(sent);
}

/** What the process does with its connection once it has sent everything. */
export type Ending = "stays" | "closes" | "half-closes" | "resets";

const script = `
  const [host, port, bytes, ending] = process.argv.slice(1);
  const socket = require("node:net").connect(Number(port), host);
  let received = 0;
  const endings = {
    stays() {},
    closes: () => socket.destroy(),
    "half-closes": () => socket.end(),
    resets: () => socket.resetAndDestroy(),
  };
  socket.on("error", () => {}).on("data", (chunk) => { received += chunk.length; });
  socket.on("connect", () => socket.write(Buffer.from(bytes, "base64"), endings[ending]));
  socket.on("close", () => console.log(received));
`;

type Attempt = { host: string; port: number; stream: string; ending: Ending; uid?: number };

/** A process of that user tries to append. Resolves with how many bytes it was sent when its connection has ended. */
export async function attemptToAppend({ host, port, stream, ending, uid }: Attempt): Promise<number> {
  const bytes = (await bytesOfAppend(stream)).toString("base64");
  const ids = uid === undefined ? {} : { uid, gid: uid };
  const child = spawn(process.execPath, ["-e", script, host, String(port), bytes, ending], {
    ...ids,
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await once(child, "close");
  return Number(said);
}
