import { type EventStoreDBClient, jsonEvent } from "@eventstore/db-client";

/** What callers do: each sends its next append when the one before it was acknowledged. */
export type AppendLoad = {
  readonly callers: number;
  /** Events in one append. */
  readonly batch: number;
  /** Appends in all. */
  readonly appends: number;
};

type Appended = { readonly eventsPerSecond: number; readonly events: number };

/** A small event, so that what is measured is the store and not the making of JSON. */
export const debit = (number: number) => ({
  type: "CreditsDebited",
  data: { amount: 1, wallet: "wallet-17", referenceId: `job-${number}` },
});

/** Each caller writes to a stream of its own, named after `stream`; resolves when every append is acknowledged. */
export const append = async (client: EventStoreDBClient, stream: string, load: AppendLoad): Promise<Appended> => {
  const { callers, batch, appends } = load;
  let sent = 0;
  const call = async (_: unknown, caller: number): Promise<void> => {
    while (sent < appends) {
      sent += 1;
      const events = Array.from({ length: batch }, () => jsonEvent(debit(sent)));
      await client.appendToStream(`${stream}-${caller}`, events, { expectedRevision: "any" });
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: callers }, call));
  const events = appends * batch;
  return { eventsPerSecond: (events / (performance.now() - begun)) * 1_000, events };
};
