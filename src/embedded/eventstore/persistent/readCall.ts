import type { ReadReq } from "@eventstore/db-client/generated/persistent_pb.js";
import type { Metadata, ServerDuplexStream } from "@grpc/grpc-js";
import { invalidArgument, RpcError, unknownError } from "../errors.ts";
import { encodeEvent } from "../protocol/eventEncoding.ts";
import { createOutgoing } from "../protocol/outgoing.ts";
import { uuid } from "../protocol/requests.ts";
import type { NackAction } from "./answers.ts";
import type { Consumer } from "./connection.ts";
import { groupKey } from "./groupConfig.ts";
import type { Groups } from "./groups.ts";
import type { Membership } from "./members.ts";
import { confirmationResponse } from "./readResponses.ts";
import { consumerRequest } from "./requests.ts";

type ReadCall = ServerDuplexStream<ReadReq, Buffer>;

/** In the order of the numbers that stand for them; a consumer that gives no action wants to try again. */
const nackActions: readonly NackAction[] = ["retry", "park", "retry", "skip", "stop"];

/** Serves a consumer: its first message says of which group, the others answer what it was sent. */
export function createReadHandler(groups: Groups, onFailure: (error: unknown) => void) {
  return (call: ReadCall): void => {
    let membership: Membership | undefined;

    const receive = async (message: ReadReq): Promise<void> => {
      if (membership !== undefined) return answer(membership, message);
      // Its answers are heard when it has joined.
      call.pause();
      membership = await join(groups, call, message);
      call.resume();
    };
    const endWith = (error: unknown): void => {
      if (!(error instanceof RpcError)) onFailure(error);
      if (!call.cancelled) call.emit("error", error instanceof RpcError ? error : unknownError(String(error)));
    };
    const leave = (): void => {
      membership?.leave();
    };

    call.on("data", (message: ReadReq) => void receive(message).catch(endWith));
    call.on("end", () => {
      leave();
      call.end();
    });
    for (const ending of ["cancelled", "error", "close"]) call.on(ending, leave);
  };
}

/** Undefined when the caller has gone meanwhile. */
async function join(groups: Groups, call: ReadCall, message: ReadReq): Promise<Membership | undefined> {
  const { name, capacity, idForm } = consumerRequest(message);
  const outgoing = createOutgoing(call);
  const consumer: Consumer = {
    ...identityOf(call.metadata),
    from: call.getPeer(),
    capacity,
    send: (event, retries) => outgoing.send(encodeEvent(event, idForm, retries)),
    end: (reason) => {
      if (!outgoing.isGone) call.emit("error", reason);
    },
  };
  const group = await groups.find(name);
  if (outgoing.isGone) return undefined;
  const membership = group.join(consumer);
  outgoing.send(confirmationResponse(groupKey(name)));
  return membership;
}

function answer(membership: Membership, message: ReadReq): void {
  const ack = message.getAck();
  const nack = message.getNack();
  if (ack !== undefined) {
    membership.acknowledge(ack.getIdsList().map(uuid));
  } else if (nack !== undefined) {
    const action = nackActions[nack.getAction()] ?? "retry";
    membership.refuse(nack.getIdsList().map(uuid), action, nack.getReason());
  } else {
    throw invalidArgument("After the options come answers.");
  }
}

function identityOf(metadata: Metadata): Pick<Consumer, "username" | "connectionName"> {
  const [authorization = ""] = metadata.get("authorization");
  const [connectionName = ""] = metadata.get("connection-name");
  const encoded = /^Basic\s+(\S+)$/i.exec(String(authorization))?.[1] ?? "";
  const [username] = Buffer.from(encoded, "base64").toString().split(":");
  return { username: username || "anonymous", connectionName: String(connectionName) };
}
