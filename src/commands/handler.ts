import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { canonical } from "../eventstore/chain.ts";
import type { Codec } from "../eventstore/codec.ts";
import { journalOf } from "../eventstore/journal.ts";
import type { EventStore } from "../eventstore/store.ts";
import type { Aggregate, Command, EventDefs, EventOf, Recorded } from "../kernel/decider.ts";
import type { Rejection } from "../kernel/rejection.ts";
import type { Accepted, CommandContext } from "./commandContext.ts";
import type { CommandMemory } from "./commandMemory.ts";
import { openLanes } from "./lanes.ts";
import { defaultLimits, type Limits, type Warn } from "./limits.ts";

export type { Accepted, CommandContext } from "./commandContext.ts";

export type Handler = {
  /** Errors: `Unavailable` when the outcome cannot be known for now; sending the command again is safe. */
  handle<I extends z.ZodObject, D extends EventDefs, S, A>(
    command: Command<I, D, S, A>,
    input: z.output<I>,
    context: CommandContext,
  ): Promise<Accepted<A> | Rejection>;
  /** Folded state, current as far as this process can know: own writes at once, others' through the subscription. */
  stateOf<D extends EventDefs, S>(
    aggregate: Aggregate<D, S>,
    id: string,
  ): Promise<{ state: S; revision: bigint; position: bigint }>;
  /** Decoded events of one stream, oldest first. Secrets are in events alone, never in states. */
  history<D extends EventDefs, S>(aggregate: Aggregate<D, S>, id: string): AsyncIterable<Recorded<EventOf<D>>>;
};

type Options = {
  store: EventStore;
  codec: Codec;
  memory: CommandMemory;
  /**
   * The categories whose states are looked at without being written to, as authorization does: these are followed. What
   * others write to a stream of another category is met when this process appends to it, or read when it is asked for.
   */
  categories: readonly string[];
  /** Keyed: an input may hold what nobody shall guess from its hash. */
  hashInput: (canonicalInput: string) => string;
  limits?: Partial<Limits>;
  warn?: Warn;
};

/** The one way to write. `start` begins to follow what other processes write; without it every state is read anew. */
export const commandHandler = (options: Options): Handler & { start(): void; stop(): Promise<void> } => {
  const { store, codec, hashInput, warn = () => undefined } = options;
  const lanes = openLanes({ ...options, warn, limits: { ...defaultLimits, ...options.limits } });

  return {
    async handle<I extends z.ZodObject, D extends EventDefs, S, A>(
      command: Command<I, D, S, A>,
      input: z.output<I>,
      context: CommandContext,
    ) {
      const erased = command as unknown as Command;
      const inputHash = hashInput(canonical([command.name, context.preparedFrom ?? input]));
      const outcome = await lanes
        .of(erased.on, command.stream(input))
        .submit({ command: erased, input, inputHash, context, deliveryId: randomUUID() });
      // A lane knows no types; what it answers with is what this command's own `answer` gave.
      return outcome as Accepted<A> | Rejection;
    },
    async stateOf<D extends EventDefs, S>(aggregate: Aggregate<D, S>, id: string) {
      const { state, revision, position } = await lanes.standing(aggregate as unknown as Aggregate, id);
      return { state: state as S, revision, position };
    },
    async *history<D extends EventDefs, S>({ category, events }: Aggregate<D, S>, id: string) {
      const journal = journalOf({ store, codec, events, stream: `${category}-${id}`, isLedger: false });
      for await (const chunk of journal.read()) yield* chunk;
    },
    start: () => lanes.start(),
    stop: () => lanes.stop(),
  };
};
