import { fork } from "node:child_process";
import { once } from "node:events";
import { type Contender, call } from "./contender.ts";
import { startEverfold } from "./everfoldProcess.ts";

const START_MAX_MS = 30_000;
const STOP_MAX_MS = 10_000;

const baselineServer = new URL("./baseline.ts", import.meta.url);

export const startBaseline = async (databaseUrl: string): Promise<Contender> => {
  const child = fork(baselineServer, {
    env: { PATH: process.env["PATH"], DATABASE_URL: databaseUrl },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const signal = AbortSignal.timeout(START_MAX_MS);
  const [started]: { port: number; token: string }[] = await Promise.race([
    once(child, "message", { signal }),
    exited.then(() => []),
  ]);
  if (started === undefined) throw new Error("the baseline did not start");
  const stop = async () => {
    child.kill("SIGTERM");
    const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_MAX_MS);
    await exited;
    clearTimeout(impatience);
  };
  return { name: "baseline", ...started, stop };
};

/** A running Everfold and somebody who has just registered and signed in. */
export const startContender = async (directory: string, databaseUrl?: string): Promise<Contender> => {
  const { port, stop } = await startEverfold("node", directory, databaseUrl);
  try {
    return { name: "everfold", port, token: await signUp(port), stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const signUp = async (port: number): Promise<string> => {
  const account = { email: "bench@example.com", password: "Correct-horse-9-battery" };
  await call({ port }, "POST", "/auth/register", { ...account, name: "Bench" });
  const { data } = await call({ port }, "POST", "/auth/login", account);
  return String(data["accessToken"]);
};
