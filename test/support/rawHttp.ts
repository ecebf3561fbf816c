import { connect } from "node:net";

export type RawAnswer = { status: number; headers: Readonly<Record<string, string>>; body: string };

/** Sends bytes as they are, which no HTTP client would; `ends` says that no more will come. */
export const rawHttp = (url: string, bytes: Uint8Array, { ends = false } = {}): Promise<RawAnswer | undefined> =>
  new Promise((resolve, fail) => {
    const { hostname, port } = new URL(url);
    const received: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => (ends ? socket.end(bytes) : socket.write(bytes)));
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("error", fail);
    socket.on("close", () => resolve(parsed(Buffer.concat(received))));
  });

/** One request, framed as it should be; the head's text is Latin-1, one byte a letter, and goes out unchecked. */
export const rawRequest = (
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body: Uint8Array = new Uint8Array(),
): Uint8Array => {
  const framing = body.length === 0 ? {} : { "content-length": String(body.length) };
  const all = { host: "localhost", ...headers, ...framing, connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return Buffer.concat([Buffer.from([`${method} ${target} HTTP/1.1`, ...lines, "", ""].join("\r\n"), "latin1"), body]);
};

const parsed = (bytes: Buffer): RawAnswer | undefined => {
  if (bytes.length === 0) return undefined;
  const end = bytes.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const rest = bytes.subarray(end + 4);
  const status = Number(statusLine.split(" ")[1]);
  // "Go on", said before the answer.
  if (status < 200) return parsed(rest);
  const body = headers["transfer-encoding"] === "chunked" ? joined(rest) : rest;
  return { status, headers, body: body.toString("utf8") };
};

const joined = (chunked: Buffer): Buffer => {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = chunked.indexOf("\r\n", at);
    const length = Number.parseInt(chunked.toString("latin1", at, lineEnd), 16);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(chunked.subarray(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
  }
};
