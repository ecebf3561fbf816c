import type { ReadResp } from "@eventstore/db-client/generated/persistent_pb.js";
import persistent from "@eventstore/db-client/generated/persistent_pb.js";

export function confirmationResponse(subscriptionId: string): ReadResp {
  const confirmation = new persistent.ReadResp.SubscriptionConfirmation();
  confirmation.setSubscriptionId(subscriptionId);
  const response = new persistent.ReadResp();
  response.setSubscriptionConfirmation(confirmation);
  return response;
}
