import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, readConfig, variables } from "../src/config.ts";

const problemsOf = (environment: Record<string, string>): { message: string; variables: readonly string[] } => {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  return { message: "", variables: [] };
};

const exampleFile = join(import.meta.dirname, "../.env.example");
const exampleSettings = async (): Promise<Record<string, string>> => {
  const lines = (await readFile(exampleFile, "utf8")).split("\n").filter((line) => /^[A-Z]/.test(line));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
};

describe("the settings", () => {
  it("need none of the variables", () => {
    const { DATA_DIR, EVENTSTORE_URL, HOST, PORT, ROLES } = readConfig({});
    expect({ DATA_DIR, EVENTSTORE_URL, HOST, PORT, ROLES }).toEqual({
      DATA_DIR: ".data",
      EVENTSTORE_URL: undefined,
      HOST: "127.0.0.1",
      PORT: 3_000,
      ROLES: ["api", "projections", "reactions"],
    });
  });

  it("FND-02: .env.example lists every variable, in the words of its default", async () => {
    const example = await exampleSettings();
    expect(Object.keys(example).sort()).toEqual([...variables].sort());
    expect(readConfig(example)).toEqual(readConfig({}));
  });

  it("that compose.yaml gives Everfold are ones that it takes, once the passwords are filled in", async () => {
    const compose = await readFile(join(import.meta.dirname, "../compose.yaml"), "utf8");
    const [, environment = ""] = /^ {2}everfold:\n[\s\S]*?^ {4}environment:\n([\s\S]*?)^ {4}\w/m.exec(compose) ?? [];
    const folded = environment.replaceAll(/>-\n\s+/g, "");
    const secrets = [
      ["ENCRYPTION_MASTER_KEY", "07".repeat(32)],
      ["EVENTSTORE_PASSWORD", "secret"],
      ["POSTGRES_PASSWORD", "secret"],
    ] as const;
    const filled = secrets.reduce(
      (text, [name, value]) => text.replaceAll(new RegExp(`\\$\\{${name}[^}]*\\}`, "g"), value),
      folded,
    );
    const settings = Object.fromEntries(
      [...filled.matchAll(/^ {6}(\w+): "?([^"\n]*)"?$/gm)].map(([, name = "", value = ""]) => [name, value]),
    );
    delete settings["NPM_CONFIG_INCLUDE"];
    expect(Object.keys(settings).filter((name) => !variables.some((known) => known === name))).toEqual([]);
    expect(readConfig(settings)).toMatchObject({
      HOST: "0.0.0.0",
      EVENTSTORE_URL: "esdb://admin:secret@node1:2113,node2:2113,node3:2113?tls=true&tlsCAFile=/trust/ca.crt",
      DATABASE_URL: "postgres://everfold:secret@postgres:5432/everfold",
    });
  });

  it("take durations, lists and keys in the forms people write them in", () => {
    const key = Buffer.alloc(32, 7);
    const read = readConfig({
      JWT_ACCESS_EXPIRY: "90s",
      JWT_REFRESH_EXPIRY: "2d",
      CORS_ORIGIN: "https://a.example, http://localhost:5173",
      ROLES: "api",
      ENCRYPTION_MASTER_KEY: key.toString("hex"),
      TRUST_PROXY: "10.0.0.0/8,::1",
    });
    expect(read).toMatchObject({
      JWT_ACCESS_EXPIRY: 90,
      JWT_REFRESH_EXPIRY: 172_800,
      CORS_ORIGIN: ["https://a.example", "http://localhost:5173"],
      ROLES: ["api"],
      TRUST_PROXY: ["10.0.0.0/8", "::1"],
    });
    expect(read.ENCRYPTION_MASTER_KEY).toEqual(key);
    expect(readConfig({ ENCRYPTION_MASTER_KEY: key.toString("base64") }).ENCRYPTION_MASTER_KEY).toEqual(key);
    expect(readConfig({ TRUST_PROXY: "2" }).TRUST_PROXY).toBe(2);
  });

  it("FND-03: name every bad variable at once", () => {
    const bad = {
      PORT: "80000",
      NODE_ENV: "staging",
      EVENTSTORE_URL: "http://localhost:2113",
      DATABASE_URL: "mysql://localhost/everfold",
      JWT_ACCESS_EXPIRY: "15 minutes",
      ENCRYPTION_MASTER_KEY: "too short",
      CORS_ORIGIN: "*",
      ROLES: "api,web",
      RATE_LIMIT_MAX: "-1",
      TRUST_PROXY: "yes, please",
    };
    expect([...problemsOf(bad).variables].sort()).toEqual(Object.keys(bad).sort());
  });

  it("FND-03: never repeat a value, however wrong it is", () => {
    const bad = fc.stringMatching(/^ [!-~]{3,20}$/).map((text) => `canary${text}`);
    fc.assert(
      fc.property(fc.constantFrom(...variables), bad, (name, value) => {
        expect(problemsOf({ [name]: value }).message).not.toContain(value);
      }),
      { numRuns: 200 },
    );
  });

  it("AUTH-02: keep production from weak password hashes and made-up keys", () => {
    expect(problemsOf({ NODE_ENV: "production", BCRYPT_COST: "4" }).variables).toEqual([
      "ENCRYPTION_MASTER_KEY",
      "BCRYPT_COST",
    ]);
    expect(readConfig({ BCRYPT_COST: "4" }).BCRYPT_COST).toBe(4);
  });

  it("name what payments by http lack", () => {
    const secret = "s".repeat(32);
    const problemsOfPayments = (settings: Record<string, string>) =>
      problemsOf({ PAYMENT_PROVIDER: "http", PAYMENT_SECRET: secret, ...settings }).variables;
    expect(problemsOf({ PAYMENT_PROVIDER: "http" }).variables).toEqual(["PAYMENT_URL", "PAYMENT_SECRET"]);
    expect(problemsOfPayments({ PAYMENT_URL: "https://pay.example/charges" })).toEqual([]);
    expect(problemsOfPayments({ PAYMENT_URL: "https://pay.example/", PAYMENT_SECRET: "short" })).toEqual([
      "PAYMENT_SECRET",
    ]);
    for (const url of ["https://me:pass@pay.example/", "https://pay.example/#there", "ftp://pay.example/", "pay"]) {
      expect(problemsOfPayments({ PAYMENT_URL: url })).toEqual(["PAYMENT_URL"]);
    }
    expect(problemsOfPayments({ PAYMENT_URL: "http://pay.example/" })).toEqual(["PAYMENT_URL"]);
    const inside = { PAYMENT_URL: "http://pay.internal/", PAYMENT_ALLOW_PRIVATE_ADDRESSES: "true" };
    expect(problemsOfPayments(inside)).toEqual([]);
  });

  it("AUTH-07: refuse a shared JWT secret rather than ignore it", () => {
    expect(problemsOf({ JWT_SECRET: "hunter2" }).message).toBe(
      "The configuration is not valid:\n" +
        "  JWT_SECRET is not accepted: tokens are signed with RS256 keys kept in the vault",
    );
  });
});
