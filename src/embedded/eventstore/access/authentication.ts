import { createHash, timingSafeEqual } from "node:crypto";
import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import type { Credentials } from "./accessMode.ts";

/** What clients ask before they send who they are. */
const openMethods: ReadonlySet<string> = new Set([
  "/event_store.client.server_features.ServerFeatures/GetSupportedMethods",
  "/event_store.client.gossip.Gossip/Read",
]);

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Lets a call pass that brings these credentials; any other ends as UNAUTHENTICATED before its handler hears of it. */
export function askForCredentials({ username, password }: Credentials): ServerInterceptor {
  // Hashed, what is compared has one length, and how long that takes says nothing about either.
  const expected = digest(`${username}:${password}`);
  const areGiven = (metadata: Metadata): boolean => {
    const [, encoded = ""] = /^basic +(\S+)$/i.exec(String(metadata.get("authorization")[0] ?? "")) ?? [];
    return timingSafeEqual(digest(Buffer.from(encoded, "base64").toString("utf8")), expected);
  };
  return (method, call) => {
    if (openMethods.has(method.path)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            if (areGiven(metadata)) pass(metadata);
            else call.sendStatus({ code: status.UNAUTHENTICATED, details: "Authentication Failed" });
          },
        }),
    });
  };
}
