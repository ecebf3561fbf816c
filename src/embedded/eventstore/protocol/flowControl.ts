import { subscribe } from "node:diagnostics_channel";
import type { Http2Session, Http2Stream } from "node:http2";

/** What a caller may send on one call, and on all calls of a connection, before we have read any of it. */
const callWindowBytes = 1024 * 1024;
const connectionWindowBytes = 4 * 1024 * 1024;

/**
 * Runs once. By default a caller stops after 64 KiB until it is told to go on: an append of a few hundred events then
 * takes ten round trips. gRPC's own server has no setting for it, and hands out no connection.
 */
export function widenWindows(): void {
  const widened = new WeakSet<Http2Session>();
  subscribe("http2.server.stream.created", (message) => {
    const session = isCreation(message) ? message.stream.session : undefined;
    if (session === undefined || widened.has(session)) return;
    widened.add(session);
    session.settings({ initialWindowSize: callWindowBytes });
    session.setLocalWindowSize(connectionWindowBytes);
  });
}

const isCreation = (message: unknown): message is { readonly stream: Http2Stream } =>
  typeof message === "object" && message !== null && "stream" in message;
