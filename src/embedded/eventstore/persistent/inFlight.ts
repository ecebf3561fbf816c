import type { Message } from "./message.ts";

/** A message that a consumer has and did not answer yet. */
export type Delivered = {
  readonly message: Message;
  readonly consumer: string;
  readonly deliveredAtMs: number;
};

export type InFlight = {
  readonly size: number;
  has(id: string): boolean;
  heldBy(consumer: string): number;
  add(delivered: Delivered): void;
  /** Takes the message out; of a certain consumer only, if one is named. */
  remove(id: string, consumer?: string): Delivered | undefined;
  removeAllOf(consumer: string): readonly Delivered[];
  removeDeliveredBefore(timeMs: number): readonly Delivered[];
};

export function createInFlight(): InFlight {
  // In the order of delivery, which is the order in which they time out.
  const byId = new Map<string, Delivered>();
  const counts = new Map<string, number>();

  const count = (consumer: string, change: number): void => {
    const next = (counts.get(consumer) ?? 0) + change;
    if (next === 0) counts.delete(consumer);
    else counts.set(consumer, next);
  };

  const remove = (id: string, consumer?: string): Delivered | undefined => {
    const found = byId.get(id);
    if (found === undefined || (consumer !== undefined && found.consumer !== consumer)) return undefined;
    byId.delete(id);
    count(found.consumer, -1);
    return found;
  };

  const removeEach = (delivered: readonly Delivered[]): readonly Delivered[] => {
    for (const { message } of delivered) remove(message.id);
    return delivered;
  };

  return {
    get size() {
      return byId.size;
    },
    has: (id) => byId.has(id),
    heldBy: (consumer) => counts.get(consumer) ?? 0,
    add: (delivered) => {
      byId.set(delivered.message.id, delivered);
      count(delivered.consumer, 1);
    },
    remove,
    removeAllOf: (consumer) =>
      counts.has(consumer) ? removeEach([...byId.values()].filter((delivered) => delivered.consumer === consumer)) : [],
    removeDeliveredBefore: (timeMs) => {
      const old: Delivered[] = [];
      for (const delivered of byId.values()) {
        if (delivered.deliveredAtMs > timeMs) break;
        old.push(delivered);
      }
      return removeEach(old);
    },
  };
}
