import type { ReadResp } from "@eventstore/db-client/generated/persistent_pb.js";
import persistent from "@eventstore/db-client/generated/persistent_pb.js";
import type { ResolvedEvent } from "../links.ts";
import { type IdForm, recorded } from "../readResponses.ts";

export function confirmationResponse(subscriptionId: string): ReadResp {
  const confirmation = new persistent.ReadResp.SubscriptionConfirmation();
  confirmation.setSubscriptionId(subscriptionId);
  const response = new persistent.ReadResp();
  response.setSubscriptionConfirmation(confirmation);
  return response;
}

export function eventResponse({ event, link }: ResolvedEvent, retries: number, idForm: IdForm): ReadResp {
  const { ReadEvent } = persistent.ReadResp;
  const message = new ReadEvent();
  if (event !== undefined) message.setEvent(recorded(new ReadEvent.RecordedEvent(), event, idForm));
  if (link !== undefined) message.setLink(recorded(new ReadEvent.RecordedEvent(), link, idForm));
  message.setCommitPosition(String((link ?? event)?.position));
  message.setRetryCount(retries);
  const response = new persistent.ReadResp();
  response.setEvent(message);
  return response;
}
