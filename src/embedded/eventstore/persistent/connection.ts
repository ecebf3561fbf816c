import { randomUUID } from "node:crypto";
import type { RpcError } from "../errors.ts";
import type { ResolvedEvent } from "../streams/links.ts";
import { createLatencies, createMeter, type Meter } from "./statistics.ts";

/** A caller that reads from a group. */
export type Consumer = {
  /** The address it calls from. */
  readonly from: string;
  readonly username: string;
  readonly connectionName: string;
  /** How many messages it takes before it answers any. */
  readonly capacity: number;
  /** A promise only when its connection is slow; it resolves when it may be sent more. */
  send(event: ResolvedEvent, retries: number): Promise<void> | undefined;
  end(reason: RpcError): void;
};

export type Connection = ReturnType<typeof createConnection>;

/** A consumer as its group knows it, with what it did so far. */
export function createConnection(consumer: Consumer, groupMeter: Meter, nowMs: () => number) {
  const meter = createMeter(nowMs);
  const latencies = createLatencies();
  const { from, username, connectionName, capacity } = consumer;
  return {
    id: randomUUID(),
    send: (event: ResolvedEvent, retries: number) => {
      meter.count();
      groupMeter.count();
      return consumer.send(event, retries);
    },
    end: consumer.end,
    answered: latencies.add,
    status: () => ({ from, username, connectionName, capacity, ...meter.measure(), latencies: latencies.summary() }),
  };
}
