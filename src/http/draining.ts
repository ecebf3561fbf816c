import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";

const CLOSE_TIMEOUT_MS = 10_000;

/** FND-22: how a server ends without cutting anybody off. To be called before the server is ready. */
export const draining = (server: FastifyInstance) => {
  const open = new Set<Socket>();
  let isDraining = false;

  server.server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  // Closing ends the connections that are idle then; the others are kept alive by their last answer.
  server.addHook("onResponse", (_request, _reply, done) => {
    if (isDraining) setImmediate(() => server.server.closeIdleConnections());
    done();
  });

  return {
    /** True from the moment the process was asked to stop. */
    isDraining: () => isDraining,
    /** Resolves when requests in flight are answered, or cut off after 10 s. */
    close: async (): Promise<void> => {
      isDraining = true;
      // Opened ahead of need, and not idle in Node's eyes: it waits for their first request.
      for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
      const cutOff = setTimeout(() => server.server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await server.close();
      clearTimeout(cutOff);
    },
  };
};
