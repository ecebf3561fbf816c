import features from "@eventstore/db-client/generated/serverfeatures_grpc_pb.js";
import type { SupportedMethods } from "@eventstore/db-client/generated/serverfeatures_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import { describe, expect, test } from "vitest";
import { generatedClient } from "./generatedClient.ts";
import { serverUnderTest } from "./serverUnderTest.ts";

const under = serverUnderTest();

const supported = (): Promise<SupportedMethods> => {
  const client = generatedClient(under.url, features.ServerFeaturesClient);
  return new Promise((resolve, reject) => {
    client.getSupportedMethods(new shared.Empty(), (error, answer) => (error ? reject(error) : resolve(answer)));
  });
};

/** Of a service's methods, in the lower case that clients look them up in. */
const featuresOf = async (service: string): Promise<Record<string, string[]>> => {
  const methods = (await supported()).getMethodsList().filter((method) => method.getServiceName() === service);
  return Object.fromEntries(methods.map((method) => [method.getMethodName(), method.getFeaturesList()]));
};

describe("a server says", () => {
  test("its version, in three numbers", async () => {
    expect((await supported()).getEventStoreServerVersion()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test("that it takes appends in batches, so that no client falls back to single ones", async () => {
    const streams = await featuresOf("event_store.client.streams.streams");
    expect(Object.keys(streams)).toEqual(
      expect.arrayContaining(["append", "batchappend", "delete", "read", "tombstone"]),
    );
    expect(streams["batchappend"]).toContain("deadline_duration");
    expect(streams["read"]).toEqual(expect.arrayContaining(["position", "events"]));
  });

  test.each(["create", "update", "delete", "read", "getinfo", "list", "replayparked"])(
    "that persistent subscriptions may be on a stream or on all of them when it comes to %s",
    async (method) => {
      const persistent = await featuresOf("event_store.client.persistent_subscriptions.persistentsubscriptions");
      expect(persistent[method]).toEqual(expect.arrayContaining(["stream", "all"]));
    },
  );

  test("that persistent subscriptions can be restarted, so that no client asks for it over HTTP", async () => {
    const persistent = await featuresOf("event_store.client.persistent_subscriptions.persistentsubscriptions");
    expect(Object.keys(persistent)).toContain("restartsubsystem");
  });

  test("the same to everybody who asks at the same time", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, supported));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.toObject()))).size).toBe(1);
  });
});
