import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createLog } from "../../src/platform/log.ts";

const logged = (write: (log: ReturnType<typeof createLog>) => void): string => {
  let text = "";
  const destination = new Writable({
    write: (chunk, _, done) => {
      text += String(chunk);
      done();
    },
  });
  write(createLog("info", destination));
  return text;
};

describe("the log", () => {
  it("LOG-01: is JSON with an ISO time and the level's name", () => {
    const line = JSON.parse(logged((log) => log.warn({ outcome: "refused" }, "hello")));
    expect(line).toEqual({
      level: "warn",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      outcome: "refused",
      message: "hello",
    });
  });

  it("LOG-02: keeps secrets out, by their name, by their shape and in errors", () => {
    const canary = "canary-s3cret";
    const jwt = `eyJhbGciOiJSUzI1NiJ9.${canary}.${canary}`;
    const apiKey = `evf_${"0".repeat(22)}_canaryOfAKey`;
    const text = logged((log) => {
      log.info({ password: canary, body: { refreshToken: canary }, request: { headers: { authorization: canary } } });
      log.info(`Bearer ${canary} was sent`);
      log.info(`the key ${apiKey} was sent`);
      log.error({ error: Object.assign(new Error(`bad token ${jwt}`), { parameters: [canary] }) });
      log.error({ error: new Error("cannot connect", { cause: new Error(`postgres://me:${canary}@db/x`) }) });
      log.error({ error: canary });
      log.info({ list: [{ secret: canary }], nested: { in: { the: { deep: { down: { there: canary } } } } } });
    });
    expect(text).not.toContain(canary);
    expect(text).not.toContain("canaryOfAKey");
    expect(
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line).level),
    ).toHaveLength(7);
  });

  it("tells what an error was caused by", () => {
    const error = new Error("no answer", { cause: new TypeError("no connection") });
    expect(JSON.parse(logged((log) => log.error({ error }))).error).toMatchObject({
      type: "Error",
      message: "no answer",
      cause: { type: "TypeError", message: "no connection" },
    });
  });
});
