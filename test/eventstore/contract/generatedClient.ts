import { readFileSync } from "node:fs";
import { type ChannelCredentials, type Client, credentials } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";

type ClientClass<C extends Client> = new (address: string, channel: ChannelCredentials) => C;

/** The official client's generated code for one service: what it is made of, for what it has no method for. */
export function generatedClient<C extends Client>(url: string, service: ClientClass<C>): C {
  const [address = ""] = hostsIn(url);
  const client = new service(address, channelCredentials(url));
  onTestFinished(() => client.close());
  return client;
}

/** As `address:port`. */
export const hostsIn = (url: string): string[] => (/^[^:]+:\/\/(?:[^@/]*@)?([^/?]+)/.exec(url)?.[1] ?? "").split(",");

function channelCredentials(url: string): ChannelCredentials {
  const parameters = new URLSearchParams(url.split("?")[1]);
  if (parameters.get("tls") === "false") return credentials.createInsecure();
  const authority = parameters.get("tlsCAFile");
  return credentials.createSsl(authority === null ? undefined : readFileSync(authority));
}
