import { createServer, type Socket } from "node:net";
import type { ConnectionInjector } from "@grpc/grpc-js";
import type { Admission } from "./access.ts";

const host = "127.0.0.1";

export type Listener = {
  /** Host and port. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** Hands on what comes from now on, and what has come already, when it is let in. */
  serve(injector: ConnectionInjector, admission: Admission | undefined): void;
  /** Takes no more connections, and drops those that have not been let in yet. Resolves when all others have ended. */
  close(): Promise<void>;
};

/** Listens on loopback. Connections wait, unread, until they are served. Rejects when the port is taken. */
export async function listen(port: number, onRefusal: (reason: string) => void): Promise<Listener> {
  const server = createServer({ pauseOnConnect: true, noDelay: true });
  const waiting = new Set<Socket>();
  let settle: (socket: Socket) => void = () => {};
  server.on("connection", (socket) => {
    waiting.add(socket);
    socket.once("close", () => waiting.delete(socket));
    // Whoever has gone before being let in is nobody's failure.
    socket.on("error", () => {});
    settle(socket);
  });
  const boundPort = await bind(server, port);

  const serve: Listener["serve"] = (injector, admission) => {
    const letIn = (socket: Socket) => {
      if (!waiting.delete(socket)) return;
      // HTTP/2 takes over a socket that is being read already.
      socket.read(0);
      injector.injectConnection(socket);
    };
    const judge = async (socket: Socket, judged: Admission): Promise<void> => {
      const refusal = await judged(socket);
      if (refusal === undefined) return letIn(socket);
      // One that was dropped at the end has been refused by nobody.
      if (waiting.has(socket)) onRefusal(refusal);
      socket.destroy();
    };
    settle = admission === undefined ? letIn : (socket) => void judge(socket, admission);
    for (const socket of waiting) settle(socket);
  };
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of waiting) socket.destroy();
      waiting.clear();
    });
  return { address: `${host}:${boundPort}`, host, port: boundPort, serve, close };
}

function bind(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const isTaken = "code" in error && error.code === "EADDRINUSE";
      const reason = isTaken ? "is taken by another program" : `cannot be listened on: ${error.message}`;
      reject(new Error(`Port ${port} on ${host} ${reason}.`, { cause: error }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address.port);
      else reject(new Error(`Port ${port} on ${host} cannot be listened on.`));
    });
  });
}
