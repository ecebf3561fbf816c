/**
 * Something this process depends on cannot be reached, or has no room left for now. Nothing is wrong with what was
 * asked: the same request, sent again later, is right. Backends extend it; http answers 503 with Retry-After.
 */
export class Unavailable extends Error {
  override readonly name: string = "Unavailable";
  readonly retryAfterSeconds: number = 1;
}
