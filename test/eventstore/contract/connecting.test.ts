import { EventStoreDBClient, FOLLOWER, LEADER, RANDOM, UnavailableError } from "@eventstore/db-client";
import gossip from "@eventstore/db-client/generated/gossip_grpc_pb.js";
import type { MemberInfo } from "@eventstore/db-client/generated/gossip_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import { describe, expect, onTestFinished, test } from "vitest";
import { generatedClient, hostsIn } from "./generatedClient.ts";
import { heardBy } from "./heard.ts";
import { numbered, numbersOf, upTo } from "./numbered.ts";
import { freshName, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

const nobodyThere = "127.0.0.1:1";

const connectedBy = (url: string): EventStoreDBClient => {
  const client = EventStoreDBClient.connectionString(url);
  onTestFinished(() => client.dispose());
  return client;
};

const withHosts = (scheme: string, hosts: readonly string[]): string =>
  under.url.replace(/^[^:]+:\/\/([^@/]*@)?[^/?]+/, (_, login = "") => `${scheme}://${login}${hosts.join(",")}`);

const worksFor = async (client: EventStoreDBClient): Promise<void> => {
  const stream = freshName();
  await client.appendToStream(stream, numbered(7));
  expect(await numbersOf(client.readStream(stream))).toEqual([7]);
};

const members = (): Promise<MemberInfo[]> => {
  const client = generatedClient(under.url, gossip.GossipClient);
  return new Promise((resolve, reject) => {
    client.read(new shared.Empty(), (error, cluster) => (error ? reject(error) : resolve(cluster.getMembersList())));
  });
};

describe("gossip", () => {
  const leaderState = 8;

  test("tells of one leader, which is alive, and where it is", async () => {
    const leaders = (await members()).filter((member) => member.getState() === leaderState);
    expect(leaders).toHaveLength(1);
    const [leader] = leaders;
    expect(leader?.getIsAlive()).toBe(true);
    expect(leader?.getHttpEndPoint()?.getAddress()).toMatch(/./);
    expect(leader?.getHttpEndPoint()?.getPort()).toBeGreaterThan(0);
  });

  test("calls a member the same each time", async () => {
    const identities = async () =>
      (await members()).map((member) => JSON.stringify(member.getInstanceId()?.toObject())).toSorted();
    expect(await identities()).toEqual(await identities());
  });

  test("dates what it tells in ticks of 100 ns since 1970", async () => {
    const day = 24 * 60 * 60 * 1000;
    for (const member of await members()) {
      const date = Number(BigInt(member.getTimeStamp()) / 10_000n);
      expect(Math.abs(date - Date.now())).toBeLessThan(day);
    }
  });
});

describe("a client connects", () => {
  test("by discovery from one host", async () => {
    await worksFor(connectedBy(withHosts("esdb+discover", hostsIn(under.url).slice(0, 1))));
  });

  test.each([LEADER, FOLLOWER, RANDOM])("by discovery when it would rather have: %s", async (nodePreference) => {
    const url = withHosts("esdb+discover", hostsIn(under.url).slice(0, 1));
    await worksFor(connectedBy(`${url}${url.includes("?") ? "&" : "?"}nodePreference=${nodePreference}`));
  });

  test("by a list of hosts", async () => {
    const [host = ""] = hostsIn(under.url);
    await worksFor(connectedBy(withHosts("esdb", [host, host, host])));
  });

  test("by a list of hosts of which one is down", async () => {
    const [host = ""] = hostsIn(under.url);
    await worksFor(connectedBy(withHosts("esdb", [nobodyThere, host])));
  });

  test("and so do many at once", async () => {
    await Promise.all(upTo(20).map(() => worksFor(under.connect())));
  });

  test("under the name that it gives itself", async () => {
    const client = under.connect({ connectionName: "ledger-of-ada" });
    expect(client.connectionName).toBe("ledger-of-ada");
    await worksFor(client);
  });

  test("with credentials of a single call", async () => {
    const stream = freshName();
    const { credentials } = under;
    await under.client.appendToStream(stream, numbered(1), { credentials });
    expect(await numbersOf(under.client.readStream(stream, { credentials }))).toEqual([1]);
  });

  test("and may insist on the leader", async () => {
    const stream = freshName();
    await under.client.appendToStream(stream, numbered(1), { requiresLeader: true });
    expect(await numbersOf(under.client.readStream(stream, { requiresLeader: true }))).toEqual([1]);
  });

  test("and is told when nobody is there", async () => {
    const client = connectedBy(withHosts("esdb", [nobodyThere]));
    await expect(numbersOf(client.readStream(freshName()))).rejects.toBeInstanceOf(UnavailableError);
  });
});

describe("keep-alive", () => {
  test("that looks after the connection all the time does not cost it", async () => {
    const stream = freshName();
    const heard = heardBy(under.connect({ keepAliveInterval: "20" }).subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    for (const n of upTo(300)) await under.client.appendToStream(stream, numbered(n));
    await expect.poll(() => heard.numbers, soon).toEqual(upTo(300));
    expect(heard.error).toBeUndefined();
  });

  test("may be left out", async () => {
    await worksFor(under.connect({ keepAliveInterval: "-1" }));
  });
});
