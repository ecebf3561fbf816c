import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type EventStoreDBClient, StreamNotFoundError } from "@eventstore/db-client";
import { describe, expect, test } from "vitest";
import { startEventStore } from "../../../src/embedded/eventStore.ts";
import { openCertificate } from "../../../src/embedded/eventstore/access/certificate.ts";
import { attemptToAppend, type Ending } from "./rawConnections.ts";
import { spawnStore, urlIn } from "./spawnedStore.ts";
import { clientAt, directoryOfTest, freshStream, numbered, portOf, soon, startedStore } from "./storeUnderTest.ts";

const isLinux = process.platform === "linux";
/** Only root can be somebody else. */
const canBeOthers = isLinux && process.getuid?.() === 0;
const nobody = 65_534;
const dayMs = 86_400_000;

const typesIn = async (client: EventStoreDBClient, stream: string): Promise<string[]> => {
  const types: string[] = [];
  try {
    for await (const { event } of client.readStream(stream)) types.push(event?.type ?? "");
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
  return types;
};

const spawned = async (mode: "--same-user" | "--insecure", ids: { uid?: number; gid?: number } = {}) => {
  const store = spawnStore(["--memory", "--port", "0", mode], ids);
  const url = urlIn(await store.ready);
  return { store, client: clientAt(url), port: portOf({ url }) };
};

/** Those of Java and .NET speak IPv4 by sockets that could speak IPv6 as well. */
const hosts = ["127.0.0.1", "::ffff:127.0.0.1"];

describe.runIf(isLinux)("a store for the same user", () => {
  test.each(hosts)("serves a process of that user, which connects to %s", async (host) => {
    const { store, client, port } = await spawned("--same-user");
    const attempt = attemptToAppend({ host, port, stream: "own", ending: "stays" });
    await expect.poll(() => typesIn(client, "own"), soon).toEqual(["Planted"]);
    store.child.kill("SIGTERM");
    expect(await attempt).toBeGreaterThan(0);
    expect(store.errors()).toBe("");
  });

  const endings: Ending[] = ["stays", "closes", "half-closes", "resets"];
  const attempts = endings.flatMap((ending) => hosts.map((host) => ({ ending, host })));
  test.runIf(canBeOthers).each(attempts)(
    "hears and tells nothing of another user's process, which sends to $host and then $ending",
    async ({ ending, host }) => {
      const { store, client, port } = await spawned("--same-user");
      expect(await attemptToAppend({ host, port, stream: "foreign", ending, uid: nobody })).toBe(0);
      await expect.poll(store.errors, soon).toMatch(/^A connection was not let in: .+\.\n$/);
      if (ending === "stays") expect(store.errors()).toContain(`the user with id ${nobody}`);
      expect(await typesIn(client, "foreign")).toEqual([]);
      await client.appendToStream("foreign", numbered(1));
      expect(await typesIn(client, "foreign")).toEqual(["Numbered"]);
    },
  );

  test.runIf(canBeOthers)("serves root as well, who could read its files and memory anyway", async () => {
    const { store, client } = await spawned("--same-user", { uid: nobody, gid: nobody });
    await client.appendToStream("by-root", numbered(1));
    expect(await typesIn(client, "by-root")).toEqual(["Numbered"]);
    expect(store.errors()).toBe("");
  });

  test("serves a hundred clients that come at once", async () => {
    const { url } = await startedStore({ memory: true, access: "same-user" });
    // gRPC shares one connection between clients that are configured alike.
    const urls = Array.from({ length: 100 }, (_, n) => `${url}&keepAliveInterval=${20_000 + n}`);
    await Promise.all(urls.map((each) => clientAt(each).appendToStream("crowd", numbered(1))));
    expect(await typesIn(clientAt(url), "crowd")).toHaveLength(100);
  });
});

test.runIf(canBeOthers)("an insecure store serves everybody on the machine", async () => {
  const { client, port } = await spawned("--insecure");
  void attemptToAppend({ host: "127.0.0.1", port, stream: "anybody", ending: "stays", uid: nobody });
  await expect.poll(() => typesIn(client, "anybody"), soon).toEqual(["Planted"]);
});

describe("a store with TLS", () => {
  test.each([
    ["by the address it gives", (url: string) => url],
    ["by the name localhost", (url: string) => url.replace("@127.0.0.1:", "@localhost:")],
    ["by way of its gossip", (url: string) => url.replace("esdb:", "esdb+discover:")],
  ])("serves the official client %s", async (_, changed) => {
    const { url } = await startedStore({ memory: true, access: "tls" });
    const client = clientAt(changed(url));
    await client.appendToStream("sealed", numbered(1));
    await client.appendToStream("sealed", numbered(2), { batchAppendSize: 1 });
    const subscription = client.subscribeToStream("sealed");
    for await (const { event } of subscription) if (event?.revision === 1n) break;
    expect(await typesIn(client, "sealed")).toEqual(["Numbered", "Numbered"]);
  });

  test.each([
    ["without a password", (url: string) => url.replace(/\/\/.*@/, "//")],
    ["with another password", (url: string) => url.replace(/:[^:@]*@/, ":wrong@")],
    ["with another name", (url: string) => url.replace("//admin:", "//ops:")],
    ["with the password cut off", (url: string) => url.replace(/.@/, "@")],
  ])("refuses every use %s", async (_, changed) => {
    const { url } = await startedStore({ memory: true, access: "tls" });
    const stranger = clientAt(changed(url));
    const denied = { type: "access-denied" };
    await expect(stranger.appendToStream("sealed", numbered(1))).rejects.toMatchObject(denied);
    await expect(stranger.deleteStream("sealed")).rejects.toMatchObject(denied);
    await expect(stranger.tombstoneStream("sealed")).rejects.toMatchObject(denied);
    await expect(typesIn(stranger, "sealed")).rejects.toMatchObject(denied);
    const subscribed = async () => {
      for await (const _ of stranger.subscribeToAll()) break;
    };
    await expect(subscribed()).rejects.toMatchObject(denied);
    await expect(stranger.listAllPersistentSubscriptions()).rejects.toMatchObject(denied);
    const client = clientAt(url);
    const credentials = { username: "admin", password: "wrong" };
    await expect(client.appendToStream("sealed", numbered(1), { credentials })).rejects.toMatchObject(denied);
    expect(await typesIn(client, "sealed")).toEqual([]);
  });

  test("serves nobody in clear", async () => {
    const { url } = await startedStore({ memory: true, access: "tls" });
    const client = clientAt(`esdb://127.0.0.1:${portOf({ url })}?tls=false`);
    await expect(client.tombstoneStream("sealed")).rejects.toThrow(/UNAVAILABLE/);
  });

  test("keeps its password and certificate for the next start, for the eyes of its user alone", async () => {
    const directory = directoryOfTest();
    const first = await startEventStore({ directory, access: "tls" });
    await first.stop();
    const { url } = await startedStore({ directory, access: "tls", port: portOf(first) });
    expect(url).toBe(first.url);
    const folder = join(directory, "tls");
    expect(readdirSync(folder).sort()).toEqual(["certificate.pem", "key.pem", "password"]);
    for (const path of [folder, ...readdirSync(folder).map((name) => join(folder, name))])
      expect([path, statSync(path).mode & 0o077]).toEqual([path, 0]);
  });

  test("takes the credentials that it is given, whatever characters they have, and keeps none", async () => {
    const directory = directoryOfTest();
    const credentials = { username: "ops@example", password: "p@ss:w/%&?€" };
    const { url } = await startedStore({ directory, access: "tls", credentials });
    const client = clientAt(url);
    await client.appendToStream("sealed", numbered(1));
    await client.appendToStream("sealed", numbered(2), { credentials });
    expect(await typesIn(client, "sealed")).toHaveLength(2);
    expect(readdirSync(join(directory, "tls")).sort()).toEqual(["certificate.pem", "key.pem"]);
  });

  test("is given credentials that can be sent, and only where they are asked for", async () => {
    const options = { memory: true, credentials: { username: "ops", password: "secret" } } as const;
    await expect(startEventStore({ ...options, access: "insecure" })).rejects.toThrow(/by tls only/);
    const withColon = { username: "a:b", password: "secret" };
    await expect(startEventStore({ ...options, access: "tls", credentials: withColon })).rejects.toThrow(/colon/);
  });

  test.runIf(isLinux)("says no secret where others may look: arguments, environment", async () => {
    const credentials = { username: "ops", password: "planted-secret" };
    const { pid } = await startedStore({ memory: true, access: "tls", credentials });
    for (const file of ["cmdline", "environ"])
      expect(readFileSync(`/proc/${pid}/${file}`, "utf8")).not.toContain(credentials.password);
  });

  test.each([
    ["is nearly over", (folder: string) => openCertificate(folder, () => Date.now() - 720 * dayMs)],
    ["cannot be read", (folder: string) => writeFileSync(join(folder, "certificate.pem"), "no certificate")],
    ["has lost its key", (folder: string) => writeFileSync(join(folder, "key.pem"), "")],
  ])("makes a certificate anew that %s, and keeps the password", async (_, spoil) => {
    const directory = directoryOfTest();
    await (await startEventStore({ directory, access: "tls" })).stop();
    const folder = join(directory, "tls");
    const file = join(folder, "certificate.pem");
    const password = readFileSync(join(folder, "password"), "utf8");
    await spoil(folder);
    const spoilt = readFileSync(file, "utf8");
    const { url } = await startedStore({ directory, access: "tls" });
    expect(readFileSync(file, "utf8")).not.toBe(spoilt);
    expect(url).toContain(`:${password}@`);
    await clientAt(url).appendToStream(freshStream(), numbered(1));
  });
});
