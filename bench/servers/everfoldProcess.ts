import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import manifest from "../../package.json" with { type: "json" };

type EverfoldProcess = {
  port: number;
  /** Of the process that was started: npm's own when it was started by npm. */
  pid: number;
  /** From the command to the first `GET /ready` that says yes. */
  readyAfterMs: number;
  stop(): Promise<void>;
};

export const root = new URL("../..", import.meta.url);
const START_MAX_MS = 60_000;
const STOP_MAX_MS = 30_000;
const POLL_INTERVAL_MS = 10;

/** Variables of the environment beside those that every Everfold here has. */
export type Settings = Readonly<Record<string, string>>;

/** No URL. Said, so that none in a file `.env` counts either. */
const embedded = "";

/**
 * What a load needs and a user may set: no rate limits, a token that outlives the run, and of the log only what is
 * wrong, since the baseline keeps none. Everything else that a debit passes through is as it is by default.
 */
const unhindered = {
  ROLES: "",
  EVENTSTORE_URL: embedded,
  DATABASE_URL: embedded,
  NODE_ENV: "development",
  HOST: "127.0.0.1",
  PORT: "0",
  LOG_LEVEL: "warn",
  RATE_LIMIT_MAX: "0",
  RATE_LIMIT_AUTH_MAX: "0",
  BCRYPT_COST: "4",
  // More workspaces than an organization has for nothing.
  DEFAULT_PLAN: "enterprise",
  JWT_ACCESS_EXPIRY: "2h",
};

/** Nothing else that is set in this terminal changes what is measured. */
const inherited = Object.fromEntries(["PATH", "HOME"].map((name) => [name, process.env[name]]));

/** What a process of Everfold, or a command of its own, has in its environment. */
export const environmentOf = (directory: string, settings: Settings) => ({
  ...inherited,
  ...unhindered,
  ...settings,
  DATA_DIR: directory,
});

/** `npm start` is timed as it is typed; what is put under load is the process that runs then, beside the baseline's. */
const [, , ...startArguments] = manifest.scripts.start.split(" ");
const commands = { npm: ["npm", "start"], node: [process.execPath, ...startArguments] } as const;

/** Stopped as by Ctrl-C in its terminal. */
export const startEverfold = async (
  by: keyof typeof commands,
  directory: string,
  settings: Settings = {},
): Promise<EverfoldProcess> => {
  const [file, ...args] = commands[by];
  const begun = performance.now();
  const child = spawn(file, args, {
    cwd: root,
    env: environmentOf(directory, settings),
    stdio: ["ignore", "pipe", "inherit"],
    // npm hands a Ctrl-C on to nobody: it relies on the terminal, which tells the whole group.
    detached: by === "npm",
  });
  const signal = (name: NodeJS.Signals) => (by === "npm" ? signalGroup(child, name) : void child.kill(name));
  const interrupt = () => signal("SIGINT");
  process.once("exit", interrupt);
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const stop = async () => {
    process.removeListener("exit", interrupt);
    interrupt();
    const impatience = setTimeout(() => signal("SIGKILL"), STOP_MAX_MS);
    await exited;
    clearTimeout(impatience);
  };
  try {
    const port = await announcedPort(child, exited);
    await ready(port, begun + START_MAX_MS);
    return { port, pid: child.pid ?? 0, readyAfterMs: performance.now() - begun, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Out of the one line it prints for people; its other lines are passed on when they say that something is wrong. */
const announcedPort = (child: ChildProcess, exited: Promise<void>): Promise<number> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("Everfold did not say that it is ready")), START_MAX_MS);
    exited.then(() => reject(new Error("Everfold ended before it was ready"))).finally(() => clearTimeout(timer));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, port] = line.match(/ready: http:\/\/127\.0\.0\.1:(\d+)/) ?? [];
      if (port !== undefined) {
        clearTimeout(timer);
        resolve(Number(port));
      } else if (line.startsWith("{")) process.stderr.write(`everfold: ${line}\n`);
    });
  });

const ready = async (port: number, deadline: number): Promise<void> => {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/ready`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) return;
    if (performance.now() > deadline) throw new Error("Everfold is up and does not become ready");
    await pause(POLL_INTERVAL_MS);
  }
};

const signalGroup = ({ pid }: ChildProcess, signal: NodeJS.Signals): void => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nobody is left to hear it.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
};
