import { type EventStoreDBClient, jsonEvent } from "@eventstore/db-client";

/** What callers do: each sends its next append when the one before it was acknowledged. */
export type AppendLoad = {
  readonly callers: number;
  /** Events in one append. */
  readonly batch: number;
  /** Appends in all. */
  readonly appends: number;
};

export type Appended = { readonly eventsPerSecond: number; readonly events: number };

/** A debit's event, as long as those that an enrichment worker causes. */
export const debit = (number: number) => ({
  type: "CreditsDebited",
  data: { workspaceId: "6a0d1f4e-4b6f-4f0a-9a51-27a4f0a3c4de", amount: 1, referenceId: `job-${number}` },
  metadata: { commandId: "d1f0d2a6-6a1c-4cf9-8a27-0c7f4f9b6a11", occurredAt: "2026-01-01T00:00:00.000Z" },
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
