import { once } from "node:events";
import { connect } from "node:net";

export type Answer = { status: number; body: string };
type Connection = {
  /** One request at a time: the next one after `onAnswer` has been called. */
  send(request: string): void;
  close(): void;
};

const headEnd = "\r\n\r\n";

/**
 * One keep-alive HTTP/1.1 connection that does as little as a client can: the load generator shares the cores with the
 * servers it measures. It reads answers that state their length, and no others.
 */
export const openConnection = async (
  port: number,
  on: { answer: (answer: Answer) => void; failure: (error: Error) => void },
): Promise<Connection> => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  socket.setEncoding("latin1");
  let received = "";
  let isClosing = false;

  socket.on("data", (chunk: string) => {
    received += chunk;
    const bodyStart = received.indexOf(headEnd) + headEnd.length;
    if (bodyStart < headEnd.length) return;
    const length = bodyLength(received);
    if (length === undefined) return socket.destroy(new Error(`an answer without its length: ${received}`));
    if (received.length < bodyStart + length) return;
    const answer = { status: Number(received.slice(9, 12)), body: received.slice(bodyStart, bodyStart + length) };
    received = received.slice(bodyStart + length);
    on.answer(answer);
  });
  socket.on("error", on.failure);
  socket.on("close", () => {
    if (!isClosing) on.failure(new Error("the server closed a connection"));
  });

  return {
    send: (request) => socket.write(request),
    close: () => {
      isClosing = true;
      socket.destroy();
    },
  };
};

/** In bytes, which are characters here. */
const bodyLength = (text: string): number | undefined => {
  const [, digits] = text.match(/\r\ncontent-length: *(\d+)\r\n/i) ?? [];
  return digits === undefined ? undefined : Number(digits);
};
