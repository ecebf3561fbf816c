import type { SupportedMethods } from "@eventstore/db-client/generated/serverfeatures_pb.js";
import features from "@eventstore/db-client/generated/serverfeatures_pb.js";

const serverVersion = "24.10.0";

type Methods = Readonly<Record<string, readonly string[]>>;

const streamsMethods: Methods = {
  append: [],
  batchappend: ["deadline_duration"],
  read: ["position", "events"],
  delete: [],
  tombstone: [],
};

/** Groups of a stream and groups of all streams. */
const groupFeatures = ["stream", "all"];

const persistentMethods: Methods = {
  create: groupFeatures,
  update: groupFeatures,
  delete: groupFeatures,
  read: groupFeatures,
  getinfo: groupFeatures,
  list: groupFeatures,
  replayparked: groupFeatures,
  restartsubsystem: groupFeatures,
};

/** Not served; but a client that does not find it named asks for it over HTTP, and is answered with garbage. */
const projectionsMethods: Methods = { create: ["track_emitted_streams"] };

const services: Readonly<Record<string, Methods>> = {
  "event_store.client.streams.streams": streamsMethods,
  "event_store.client.persistent_subscriptions.persistentsubscriptions": persistentMethods,
  "event_store.client.projections.projections": projectionsMethods,
};

/** What a client may ask of this server; it falls back or refuses by itself what is not named here. */
export function supportedMethods(): SupportedMethods {
  const supported = new features.SupportedMethods();
  supported.setEventStoreServerVersion(serverVersion);
  for (const [service, methods] of Object.entries(services)) {
    for (const [name, featureNames] of Object.entries(methods)) {
      const method = new features.SupportedMethod();
      method.setServiceName(service);
      method.setMethodName(name);
      method.setFeaturesList([...featureNames]);
      supported.addMethods(method);
    }
  }
  return supported;
}
