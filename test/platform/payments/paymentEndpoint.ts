import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

type Received = { readonly path: string; readonly headers: IncomingMessage["headers"]; readonly body: string };
export type Reply = (response: ServerResponse, request: Received) => void;

export const json =
  (status: number, content: unknown, headers: Record<string, string> = {}): Reply =>
  (response) =>
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(content));

export const accepted = json(200, { outcome: "accepted", reference: "charge-1" });
export const declined = json(200, { outcome: "declined", reason: "the card has expired" });
export const hangsUp: Reply = (response) => response.destroy();

/** An endpoint on this machine that gives one reply after the other, the last of them for ever. */
export const paymentEndpoint = async (replies: readonly Reply[], tls?: { key: string; cert: string }) => {
  const received: Received[] = [];
  const answer: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const call = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() };
    received.push(call);
    replies[Math.min(received.length, replies.length) - 1]?.(response, call);
  };
  const server = tls ? createTlsServer(tls, answer) : createServer(answer);
  let connections = 0;
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}/charges`,
    port,
    received,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
};
