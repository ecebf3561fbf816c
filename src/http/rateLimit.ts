import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from "@fastify/rate-limit";
import { LRUCache } from "lru-cache";

/** Addresses remembered per limit; the one longest silent is forgotten first. */
const ADDRESSES_MAX = 10_000;

type Counted = (error: Error | null, result?: { current: number; ttl: number }) => void;

/**
 * AUTH-23: the times of the requests let through, per address: at most `max` in any stretch of `windowMs`, wherever it
 * begins. A refused request is not counted, so that Retry-After holds whatever the client does meanwhile.
 */
class SlidingWindow implements FastifyRateLimitStore {
  readonly #passed = new LRUCache<string, number[]>({ max: ADDRESSES_MAX });

  incr(address: string, counted: Counted, windowMs: number, max: number): void {
    const now = performance.now();
    const passed = this.#passed.get(address) ?? [];
    const expired = passed.findIndex((time) => time > now - windowMs);
    passed.splice(0, expired === -1 ? passed.length : expired);
    const current = passed.length + 1;
    if (current <= max) passed.push(now);
    this.#passed.set(address, passed);
    counted(null, { current, ttl: Math.ceil((passed[0] ?? now) + windowMs - now) });
  }

  /** Each limit counts for itself. */
  child(): FastifyRateLimitStore {
    return new SlidingWindow();
  }
}

export const slidingWindow: FastifyRateLimitStoreCtor = SlidingWindow;
