import type { AllStreamSubscription } from "@eventstore/db-client";
import { expect } from "vitest";
import { soon } from "../storeUnderTest.ts";
import type { NodeUnderTest } from "./nodeUnderTest.ts";

type Follower = {
  /** Ends once the event with this id has come, and gives the ids of all that came. */
  until(id: string | undefined): Promise<readonly string[]>;
};

/**
 * Subscribes to everything after a place. When that breaks off, it subscribes again after the last event it got, as
 * soon as `restarted` says that the server is back.
 */
export function follow(node: NodeUnderTest, after: bigint, restarted: () => Promise<void> | undefined): Follower {
  const ids: string[] = [];
  let fromPosition = node.positionAt(after);
  let subscription: AllStreamSubscription;

  const subscribe = () => {
    subscription = node.client.subscribeToAll({ fromPosition });
    subscription.on("data", ({ event }) => {
      if (event === undefined) return;
      ids.push(event.id);
      fromPosition = event.position;
    });
    subscription.once("error", () => restarted()?.then(subscribe));
  };

  subscribe();
  return {
    async until(id) {
      await expect.poll(() => id === undefined || ids.includes(id), soon).toBe(true);
      await subscription.unsubscribe();
      return ids;
    },
  };
}
