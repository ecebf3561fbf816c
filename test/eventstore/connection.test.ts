import { expect, onTestFinished, test } from "vitest";
import { connectTo } from "../../src/eventstore/connection.ts";
import { EventStoreUnavailable } from "../../src/eventstore/store.ts";
import { appendingServer } from "./wire/appendingServer.ts";

const soon = { timeout: 10_000, interval: 10 };

const connected = async (does: Partial<Parameters<typeof appendingServer>[0]>) => {
  const server = await appendingServer({ append: (answer) => answer.appended(), ...does });
  const connection = connectTo(`esdb://${server.address}?tls=false`, { appendTimeoutMs: 60_000 });
  onTestFinished(() => connection.close());
  return { ...server, connection };
};

test("what is still under way over a connection that was retired ends when everything is closed", async () => {
  const asked = Promise.withResolvers<unknown>();
  const { connection, sessions } = await connected({ read: (call) => void asked.resolve(call) });
  const session = await connection.session();
  const read = Array.fromAsync(session.ask("Read", new Uint8Array())).catch((error: unknown) => error);
  await asked.promise;
  session.retire();
  expect(await connection.session()).not.toBe(session);
  await connection.close();
  expect(await read).toBeInstanceOf(EventStoreUnavailable);
  await expect.poll(() => sessions.size, soon).toBe(0);
});
