import type { ConsumerStrategy } from "./consumerStrategy.ts";

const bucketsMax = 1_024;

/** Each message belongs to a bucket and each bucket to one consumer, for as long as the consumers stay the same. */
export function createPinnedStrategy(): ConsumerStrategy {
  const owners: (string | undefined)[] = Array.from({ length: bucketsMax });
  const consumers = new Set<string>();

  const countsOfBuckets = (): Map<string, number> => {
    const counts = new Map([...consumers].map((consumer) => [consumer, 0]));
    for (const owner of owners) if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    return counts;
  };

  // Moves no more buckets than an even distribution asks for: those of nobody, and those that are too many.
  const rebalance = (): void => {
    const share = Math.ceil(bucketsMax / consumers.size);
    const counts = countsOfBuckets();
    for (const [bucket, owner] of owners.entries()) {
      const owned = owner === undefined ? 0 : (counts.get(owner) ?? 0);
      if (owner !== undefined && owned <= share) continue;
      const [next, nextOwned] = fewest(counts);
      if (owner !== undefined) counts.set(owner, owned - 1);
      counts.set(next, nextOwned + 1);
      owners[bucket] = next;
    }
  };

  return {
    joined: (consumer) => {
      consumers.add(consumer);
      rebalance();
    },
    left: (consumer) => {
      consumers.delete(consumer);
      for (const [bucket, owner] of owners.entries()) if (owner === consumer) owners[bucket] = undefined;
      if (consumers.size > 0) rebalance();
    },
    choose: (affinity, hasRoom) => {
      const owner = owners[hash(affinity) % bucketsMax];
      return owner !== undefined && hasRoom(owner) ? owner : undefined;
    },
  };
}

function fewest(counts: ReadonlyMap<string, number>): readonly [consumer: string, buckets: number] {
  let least: readonly [string, number] = ["", Number.POSITIVE_INFINITY];
  for (const entry of counts) if (entry[1] < least[1]) least = entry;
  return least;
}

/** FNV-1a over UTF-16 units: streams with similar names are spread all the same. */
function hash(text: string): number {
  let value = 0x81_1c_9d_c5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01_00_01_93);
  }
  return value >>> 0;
}
