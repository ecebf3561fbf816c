import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ReadReq } from "@eventstore/db-client/generated/streams_pb.js";
import type { ServerWritableStream } from "@grpc/grpc-js";
import { streamDeleted } from "../errors.ts";
import { createFilter } from "../streams/filters.ts";
import { type ResolveLink, withoutLinks } from "../streams/links.ts";
import type { ReadRange, Reads } from "../streams/reads.ts";
import type { Subscriber, Subscriptions } from "../streams/subscriptions.ts";
import { encodeEvent } from "./eventEncoding.ts";
import { createOutgoing, type Outgoing } from "./outgoing.ts";
import {
  caughtUpResponse,
  checkpointResponse,
  confirmationResponse,
  firstRevisionResponse,
  type IdForm,
  lastRevisionResponse,
  streamNotFoundResponse,
} from "./readResponses.ts";
import { type ReadRequest, readRequest } from "./requests.ts";

type ReadCall = ServerWritableStream<ReadReq, Buffer>;

/** Answers one Read call: a read that ends, or a subscription that lasts as long as its caller. */
export function createReadHandler(reads: Reads, subscriptions: Subscriptions, resolveLink: ResolveLink) {
  return async (call: ReadCall): Promise<void> => {
    const request = readRequest(call.request);
    const outgoing = createOutgoing(call);
    await reads.settled();
    const resolve = request.resolveLinks ? resolveLink : withoutLinks;
    if (request.count === undefined) await subscribe(request, toSubscriber(outgoing, resolve, request.idForm));
    else
      await read(
        request,
        { from: request.from, direction: request.direction, count: request.count },
        resolve,
        outgoing,
      );
    if (!outgoing.isGone) call.end();
  };

  async function subscribe({ stream, from, filter }: ReadRequest, subscriber: Subscriber): Promise<void> {
    if (stream === undefined) await subscriptions.toAll(from, filter, subscriber);
    else await subscriptions.toStream(stream, from, subscriber);
  }

  async function read(request: ReadRequest, range: ReadRange, resolve: ResolveLink, outgoing: Outgoing): Promise<void> {
    const { stream, filter } = request;
    const state = stream === undefined ? "present" : reads.stateOf(stream);
    if (stream !== undefined && state === "tombstoned") throw streamDeleted(stream);
    if (stream !== undefined && state === "absent") {
      await outgoing.send(streamNotFoundResponse(stream));
      return;
    }
    const pages =
      stream === undefined
        ? reads.all(range, filter === undefined ? undefined : createFilter(filter))
        : reads.stream(stream, range);
    let isEmpty = true;
    for (const page of pages) {
      for (const event of page) {
        isEmpty = false;
        const slowness = outgoing.send(encodeEvent(resolve(event), request.idForm));
        if (slowness !== undefined) await slowness;
        if (outgoing.isGone) return;
      }
      // Appends and other readers get their turn between two pages, however fast this reader is.
      await nextTurn();
    }
    if (stream !== undefined && request.wantsStreamBounds) await tellBounds(stream, range, isEmpty, outgoing);
  }

  // A read that found nothing says where the stream begins, unless it was read from there.
  async function tellBounds(stream: string, range: ReadRange, isEmpty: boolean, outgoing: Outgoing): Promise<void> {
    const { first, last } = reads.boundsOf(stream);
    const start = range.from === "start" ? 0 : range.from;
    if (isEmpty && range.direction === "forwards" && start !== first) await outgoing.send(firstRevisionResponse(first));
    await outgoing.send(lastRevisionResponse(last));
  }
}

const toSubscriber = (outgoing: Outgoing, resolve: ResolveLink, idForm: IdForm): Subscriber => ({
  get isGone() {
    return outgoing.isGone;
  },
  onGone: outgoing.onGone,
  confirmed: () => outgoing.send(confirmationResponse(randomUUID())),
  event: (event) => outgoing.send(encodeEvent(resolve(event), idForm)),
  checkpoint: (position) => outgoing.send(checkpointResponse(position)),
  caughtUp: () => outgoing.send(caughtUpResponse()),
});
