import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type LossyProxy = {
  url: string;
  /** From the next bytes on that go to the server, nothing comes back any more, and soon the connection breaks. */
  loseAnswers(): void;
  /** How often a connection was broken. */
  broken(): number;
  stop(): Promise<void>;
};

/** Lets everything through to an event store until told to swallow answers: requests arrive, nobody hears of it. */
export const startLossyProxy = async (eventStoreUrl: string): Promise<LossyProxy> => {
  const { hostname, port } = new URL(eventStoreUrl.replace(/^esdb/, "http"));
  const sockets = new Set<Socket>();
  let isLosing = false;
  let broken = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let isMute = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", end).on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on("data", (bytes) => {
      upstream.write(bytes);
      if (!isLosing || isMute) return;
      isLosing = false;
      isMute = true;
    });
    upstream.on("data", (bytes) => {
      if (!isMute) return void client.write(bytes);
      // The answer is there: what was asked has been done. That is the moment at which its loss hurts.
      broken += 1;
      end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: proxyPort } = server.address() as AddressInfo;
  return {
    url: eventStoreUrl.replace(`:${port}`, `:${proxyPort}`),
    loseAnswers: () => {
      isLosing = true;
    },
    broken: () => broken,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
};
