import { once } from "node:events";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import rpcStatus from "@eventstore/db-client/generated/status_pb.js";
import messages from "@eventstore/db-client/generated/streams_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import { onTestFinished } from "vitest";
import { framed, unframing } from "../../../src/eventstore/wire/frames.ts";

type Appending = {
  append: (answer: { appended(): void; refused(type: string): void }) => void;
  read?: (call: ServerHttp2Stream) => void;
};

/**
 * Does with BatchAppend what EventStoreDB does, and the embedded store does not: when the caller has ended the call, it
 * ends with the next answer that is written, and never where none is due.
 */
export const appendingServer = async ({ append, read }: Appending) => {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.on("stream", (call, { ":path": path = "" }) => {
    call.on("error", () => undefined);
    if (read && path.endsWith("/Read")) return read(call);
    if (path.endsWith("/BatchAppend")) return serveAppends(call, append);
    call.respond({ ...ok, "grpc-status": "0" }, { endStream: true });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sessions };
};

const ok = { ":status": 200, "content-type": "application/grpc" };

const serveAppends = (call: ServerHttp2Stream, append: Appending["append"]) => {
  const messagesIn = unframing();
  let isEnded = false;
  call.respond(ok, { waitForTrailers: true });
  call.on("wantTrailers", () => call.sendTrailers({ "grpc-status": "0" }));
  call.on("end", () => {
    isEnded = true;
  });
  call.on("data", (bytes: Buffer) => {
    for (const message of messagesIn(bytes)) {
      const answer = () =>
        new messages.BatchAppendResp().setCorrelationId(
          messages.BatchAppendReq.deserializeBinary(message).getCorrelationId(),
        );
      const send = (response: InstanceType<typeof messages.BatchAppendResp>) => {
        if (call.writableEnded || call.destroyed) return;
        call.write(framed([response.serializeBinary()]));
        if (isEnded) call.end();
      };
      append({
        appended: () =>
          send(
            answer().setSuccess(
              new messages.BatchAppendResp.Success()
                .setCurrentRevision("0")
                .setPosition(new shared.AllStreamPosition().setCommitPosition("1").setPreparePosition("1")),
            ),
          ),
        refused(type) {
          const details = new any.Any();
          details.setTypeUrl(`type.googleapis.com/${type}`);
          send(answer().setError(new rpcStatus.Status().setMessage("Server Is Not Ready").setDetails(details)));
        },
      });
    }
  });
};
