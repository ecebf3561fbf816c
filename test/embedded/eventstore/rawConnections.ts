import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:http2";
import { Duplex } from "node:stream";
import { onTestFinished } from "vitest";
import { begin, frame } from "./rawHttp2.ts";
import { appendMessages } from "./rawRequests.ts";

/** All that a client has to send to append one event to the stream, from the first byte of its connection on. */
async function bytesOfAppend(stream: string): Promise<Buffer> {
  const sent: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      sent.push(chunk);
      done();
    },
  });
  const session = connect("http://127.0.0.1", { createConnection: () => wire });
  const call = begin(session, "Append");
  call.end(Buffer.concat(appendMessages(stream, [{ type: "Planted" }]).map(frame)));
  await once(call, "finish");
  session.destroy();
  return Buffer.concat(sent);
}

/** What the process does with its connection once it has sent everything. */
export type Ending = "stays" | "closes" | "half-closes" | "resets";

const script = `
  const [host, port, bytes, ending] = process.argv.slice(1);
  const socket = require("node:net").connect(Number(port), host);
  let received = 0;
  const endings = {
    stays() {},
    closes: () => socket.destroy(),
    "half-closes": () => socket.end(),
    resets: () => socket.resetAndDestroy(),
  };
  socket.on("error", () => {}).on("data", (chunk) => { received += chunk.length; });
  socket.on("connect", () => socket.write(Buffer.from(bytes, "base64"), endings[ending]));
  socket.on("close", () => console.log(received));
`;

type Attempt = { host: string; port: number; stream: string; ending: Ending; uid?: number };

/** A process of that user tries to append. Resolves with how many bytes it was sent when its connection has ended. */
export async function attemptToAppend({ host, port, stream, ending, uid }: Attempt): Promise<number> {
  const bytes = (await bytesOfAppend(stream)).toString("base64");
  const ids = uid === undefined ? {} : { uid, gid: uid };
  const child = spawn(process.execPath, ["-e", script, host, String(port), bytes, ending], {
    ...ids,
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await once(child, "close");
  return Number(said);
}
