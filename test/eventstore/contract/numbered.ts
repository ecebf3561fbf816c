import { type EventTypeToRecordedEvent, jsonEvent, type ResolvedEvent } from "@eventstore/db-client";

/** The event of most tests: it says in which order it was written. */
export type Numbered = { type: "Numbered"; data: { n: number } };

export const numbered = (n: number, id?: string) =>
  jsonEvent<Numbered>({ type: "Numbered", data: { n }, ...(id !== undefined && { id }) });

/** 0, 1, … count − 1 */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

export const numberedUpTo = (count: number) => upTo(count).map((n) => numbered(n));

export const numberIn = (event: { data: unknown } | undefined): number | undefined => {
  const data = event?.data;
  return typeof data === "object" && data !== null && "n" in data && typeof data.n === "number" ? data.n : undefined;
};

/** Everything that a read gives, in its order. */
export async function collected<E>(read: AsyncIterable<E>): Promise<E[]> {
  const all: E[] = [];
  for await (const item of read) all.push(item);
  return all;
}

/** The numbers of the events that a read gives, in its order. */
export async function numbersOf(
  read: AsyncIterable<ResolvedEvent | { event?: EventTypeToRecordedEvent<Numbered> | undefined }>,
): Promise<number[]> {
  const events = await collected(read);
  return events.map(({ event }) => numberIn(event)).filter((n) => n !== undefined);
}
