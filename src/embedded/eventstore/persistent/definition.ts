import { PersistentSubscriptionsService } from "@eventstore/db-client/generated/persistent_grpc_pb.js";

const asIs = (encoded: Buffer): Buffer => encoded;

/** As for streams, what a group sends is handed to gRPC encoded, so that its size is known while it waits. */
export const persistentDefinition = {
  ...PersistentSubscriptionsService,
  read: { ...PersistentSubscriptionsService.read, responseSerialize: asIs },
};
