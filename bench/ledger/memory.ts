import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Report } from "../figure.ts";
import { environmentOf } from "../servers/everfoldProcess.ts";
import { table, whole } from "../table.ts";
import { openArchive } from "./archive.ts";
import { type Stage, throwIfAny } from "./stage.ts";

const WALLETS = 100_000;
const KEPT_MAX = 20_000;
const LOOKS = 5;
/** What may come on top once as many wallets are in memory as may be. */
const GROWTH_MAX = 1.25;

/** What `manyWallets.ts` is to do. */
export type Serving = {
  wallets: number;
  /** The memory is looked at after so many. */
  every: number;
};
/** Resident memory once so many wallets were served; or, at the end, what went wrong. */
export type Served = { what: string; wallets: number; residentMiB: number } | { faults: readonly string[] };

const server = new URL("./manyWallets.ts", import.meta.url);

/** The memory of a process whose handler serves many more wallets than it may keep. */
export const measureMemory = async (stage: Stage): Promise<Report> => {
  await using stack = new AsyncDisposableStack();
  const { everfold } = await openArchive(stage, "many", stack, { ROLES: "api" });
  const wallets = Math.round(WALLETS * stage.pace.share);
  const keptMax = Math.round(KEPT_MAX * stage.pace.share);
  stage.progress(`memory: ${whole(wallets)} wallets, ${whole(keptMax)} of them in memory`);
  const settings = { ...(await everfold.shared()), LEDGERS_IN_MEMORY_MAX: String(keptMax) };
  const environment = environmentOf(join(stage.directory, "many-wallets"), settings);
  const looks = await serve({ wallets, every: Math.round(wallets / LOOKS) }, environment);

  const whenFull = looks.find((look) => look.wallets >= keptMax)?.residentMiB ?? Number.NaN;
  const atEnd = looks.at(-1)?.residentMiB ?? Number.NaN;
  const rows = looks.map((look) => [look.what, whole(look.wallets), whole(look.residentMiB)]);
  const title = `memory of a process serving ${whole(wallets)} wallets, at most ${whole(keptMax)} of them kept`;
  return {
    detail: `${title}\n${table(["", "wallets", "resident MiB"], rows)}`,
    figures: [
      {
        title,
        figure: `${whole(atEnd)} MiB, ${whole(whenFull)} when as many were there as may be kept`,
        goal: `≤ ${GROWTH_MAX}×`,
        isReached: atEnd <= whenFull * GROWTH_MAX,
      },
    ],
  };
};

type Look = Exclude<Served, { faults: readonly string[] }>;

const serve = async (serving: Serving, env: NodeJS.ProcessEnv): Promise<Look[]> => {
  const child = fork(server, {
    env,
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const looks: Look[] = [];
  let faults: readonly string[] = ["the process ended before it was done"];
  child.on("message", (served: Served) => {
    if ("faults" in served) faults = served.faults;
    else looks.push(served);
  });
  child.send(serving);
  await exited;
  throwIfAny(faults);
  return looks;
};
