import { fork } from "node:child_process";
import { once } from "node:events";

const START_MAX_MS = 30_000;
const STOP_MAX_MS = 10_000;

/** What such a server says once it listens; where nobody has to sign in, the token is empty. */
type Announced = { port: number; token: string };

/** A server of ours that announces itself over its channel, with one database and nothing else of our environment. */
export const startForked = async (entry: URL, databaseUrl: string, args: readonly string[] = []) => {
  const child = fork(entry, args, {
    env: { PATH: process.env["PATH"], DATABASE_URL: databaseUrl },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const signal = AbortSignal.timeout(START_MAX_MS);
  const [announced]: Announced[] = await Promise.race([once(child, "message", { signal }), exited.then(() => [])]);
  if (announced === undefined) throw new Error(`${entry.pathname} did not start`);
  const stop = async () => {
    child.kill("SIGTERM");
    const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_MAX_MS);
    await exited;
    clearTimeout(impatience);
  };
  return { ...announced, pid: child.pid ?? 0, stop };
};

/** For the server's side: listens, says where, and ends with whoever started it. */
export const announce = (announced: Announced): void => {
  process.once("disconnect", () => process.exit());
  process.send?.(announced);
};
