import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { clientAt } from "../../src/eventstore/clientAt.ts";
import { connectTo } from "../../src/eventstore/connection.ts";

const defaults = { keepAliveInterval: "10001" };

test.each([
  "esdb://admin:hunter2",
  "esdb://admin:hunter2@",
  "esdb://admin:hunter2@127.0.0.1:port?tls=false",
  "esdb://admin:hunter2@127.0.0.1:2113?tls=hunter2",
  "esdb://admin:hunter2@127.0.0.1:2113?tls=true&tlsCAFile=/nowhere/hunter2.pem",
  "hunter2",
])("a connection string that cannot be used is refused in words that hold nothing of it: %s", (connectionString) => {
  let refusal: unknown;
  try {
    clientAt(connectionString, defaults);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toMatchObject({ name: "ConnectionStringInvalid" });
  expect(refusal).not.toHaveProperty("cause");
  expect(JSON.stringify(refusal, Object.getOwnPropertyNames(refusal))).not.toContain("hunter2");
});

test("options for other clients are passed over, without the warning that would repeat the password", () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  onTestFinished(() => warned.mockRestore());
  clientAt("esdb://admin:hunter2@127.0.0.1:2113?tls=false&tlsVerifyCert=false&unknown=hunter2", defaults);
  clientAt("esdb://admin:hunter2@127.0.0.1:2113/", defaults);
  expect(warned).not.toHaveBeenCalled();
});

test("an option of the connection string goes before its default, however it is written", () => {
  const options = "tls=false&keep_alive-INTERVAL=hunter2";
  expect(() => clientAt(`esdb://127.0.0.1:2113?${options}`, defaults)).toThrow(/from character 53 on/);
});

test("how to connect is said beside the client: in clear or not, and how often one makes sure that it stands", () => {
  const inClear = clientAt("esdb://127.0.0.1:2113?tls=false&keepAliveTimeout=7", defaults);
  expect(inClear).toMatchObject({ tls: undefined, keepAlive: { intervalMs: 10_001, timeoutMs: 7 } });
  const file = fileURLToPath(import.meta.url);
  const encrypted = clientAt(`esdb://127.0.0.1:2113?tlsCAFile=${encodeURIComponent(file)}`, {});
  expect(encrypted).toMatchObject({ tls: { ca: readFileSync(file) }, keepAlive: { intervalMs: 10_000 } });
  expect(encrypted.tls).not.toHaveProperty("cert");
});

test("a connection is not made with a certificate that is not there", () => {
  const url = "esdb://127.0.0.1:2113?tls=true&tlsCAFile=/nowhere/certificate.pem";
  expect(() => connectTo(url, { appendTimeoutMs: 1_000 })).toThrow(/certificate file/i);
});
