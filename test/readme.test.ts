import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { variables } from "../src/config.ts";
import { dataDirectory, untilGone } from "./support/process.ts";
import { signalAll, treeOf } from "./support/processTree.ts";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const urlInReadme = "http://127.0.0.1:3000";

/** What stands in fences of this language ("" for none) under a heading. */
const fenced = (heading: string, language: string): string[] => {
  const [, section = ""] = readme.split(`\n## ${heading}\n`);
  const [own = ""] = section.split("\n## ");
  return [...own.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, given, text = ""]) =>
    given === language ? [text] : [],
  );
};

/** Nothing but README's own defaults: neither the settings of whoever runs the tests nor their `.env` count. */
const unset = Object.fromEntries(variables.map((name) => [name, ""]));

const stack = new AsyncDisposableStack();
const lines: string[] = [];
let url: string;
let interrupt: () => Promise<readonly number[]>;
beforeAll(async () => {
  const DATA_DIR = await dataDirectory(stack);
  const everfold = spawn("npm", ["start"], {
    cwd: root,
    env: { ...process.env, ...unset, DATA_DIR, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const ended = once(everfold, "close");
  const { pid = 0 } = everfold;
  stack.defer(() => signalAll(treeOf(pid, DATA_DIR).pids, "SIGKILL"));
  interrupt = async () => {
    const { pids } = treeOf(pid, DATA_DIR);
    process.kill(-pid, "SIGINT");
    await ended;
    await untilGone(pids);
    return pids;
  };
  url = await new Promise((resolve, reject) => {
    createInterface({ input: everfold.stdout }).on("line", (line) => {
      lines.push(line);
      const [, at] = /^Everfold is ready: (\S+)/.exec(line) ?? [];
      if (at) resolve(at);
    });
    ended.then(([code]) => reject(new Error(`npm start ended with ${code}`)), reject);
  });
});
afterAll(() => stack.disposeAsync());

/** Like the project's folder, but what is written there is gone afterwards. */
const workingCopy = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "everfold-readme-"));
  stack.defer(() => rm(folder, { recursive: true }));
  for (const name of ["package.json", "src", "node_modules"]) await symlink(join(root, name), join(folder, name));
  return folder;
};

type Step = { command: string; shown: string[] };

/** A line each, with the comments after it: they show what it prints. */
const stepsOf = (blocks: readonly string[]): Step[] => {
  const steps: Step[] = [];
  for (const line of blocks.join("").trim().split("\n")) {
    if (line.startsWith("# ")) steps.at(-1)?.shown.push(line.slice("# ".length));
    else steps.push({ command: line, shown: [] });
  }
  return steps;
};

const recordSeparator = "\x1e";

/** In one shell, one after the other, whatever their exit codes: as somebody types them. */
const printedBy = async (steps: readonly Step[]): Promise<string[]> => {
  const script = steps.map(({ command }) => `${command.replaceAll(urlInReadme, url)}\nprintf '\\036'\n`).join("");
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], { cwd: await workingCopy() });
  expect(stderr).toBe("");
  return stdout.split(recordSeparator).map((text) => text.trim());
};

/** `…` in what is shown stands for anything. */
const asShown = (shown: readonly string[]): RegExp =>
  new RegExp(`^${shown.map((line) => line.split("…").map(RegExp.escape).join(".*")).join("\n")}$`);

test("npm start says where it is in the words of README, and JSON besides", () => {
  expect(fenced("Start", "sh")[0]).toBe("npm ci\nnpm start\n");
  const [announced = ""] = fenced("Start", "");
  expect(lines).toContain(announced.trim().replaceAll(urlInReadme, url));
});

test("the walk through it works as printed", async () => {
  const steps = stepsOf(fenced("A walk through it", "sh"));
  const printed = await printedBy(steps);
  expect(steps.filter(({ shown }) => shown.length > 0).length).toBeGreaterThan(5);
  steps.forEach(({ command, shown }, index) => {
    const output = printed[index];
    if (shown.length > 0) expect(output, command).toMatch(asShown(shown));
    else expect(output, command).toMatch(/^$|^\{"success":true,/);
  });
});

test("Ctrl-C stops all that was started", async () => {
  const stopped = await interrupt();
  // npm, the program and its two servers at least.
  expect(stopped.length).toBeGreaterThanOrEqual(4);
});
