import type { SupportedMethods } from "@eventstore/db-client/generated/serverfeatures_pb.js";
import features from "@eventstore/db-client/generated/serverfeatures_pb.js";

const serverVersion = "24.10.0";

const streamsMethods: Readonly<Record<string, readonly string[]>> = {
  append: [],
  batchappend: ["deadline_duration"],
  read: ["position", "events"],
  delete: [],
  tombstone: [],
};

/** What a client may ask of this server; it falls back or refuses by itself what is not named here. */
export function supportedMethods(): SupportedMethods {
  const supported = new features.SupportedMethods();
  supported.setEventStoreServerVersion(serverVersion);
  for (const [name, featureNames] of Object.entries(streamsMethods)) {
    const method = new features.SupportedMethod();
    method.setServiceName("event_store.client.streams.streams");
    method.setMethodName(name);
    method.setFeaturesList([...featureNames]);
    supported.addMethods(method);
  }
  return supported;
}
