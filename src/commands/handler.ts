import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { canonical } from "../eventstore/chain.ts";
import type { Codec } from "../eventstore/codec.ts";
import { journalOf } from "../eventstore/journal.ts";
import type { EventStore } from "../eventstore/store.ts";
import type { Aggregate, Command, EventDefs, EventOf, Recorded } from "../kernel/decider.ts";
import { revisionIn } from "../kernel/ids.ts";
import type { Rejection } from "../kernel/rejection.ts";
import type { Unit } from "./batch.ts";
import type { Accepted, CommandContext } from "./commandContext.ts";
import type { CommandMemory } from "./commandMemory.ts";
import type { Job } from "./decision.ts";
import { openLanes, type RightOfWay } from "./lanes.ts";
import { defaultLimits, type Limits, type Warn } from "./limits.ts";

export type { Accepted, CommandContext } from "./commandContext.ts";

export type Handler = {
  /** Errors: `Unavailable` when the outcome cannot be known for now; sending the command again is safe. */
  handle<I extends z.ZodObject, D extends EventDefs, S, A>(
    command: Command<I, D, S, A>,
    input: z.output<I>,
    context: CommandContext,
  ): Promise<Accepted<A> | Rejection>;
  /**
   * A command with several inputs, for one stream. Atomic: all are written in one append, or none, and those that were
   * not refused themselves are told `BULK_ABORTED`. Else each is handled as if it was alone, in their order. A dry run
   * among them makes all of them one: each is tried as if those before it had been carried out.
   *
   * @returns an outcome for each. Errors: as of `handle`, for all of them; sending all again is safe
   */
  handleAll<I extends z.ZodObject, D extends EventDefs, S, A>(
    command: Command<I, D, S, A>,
    items: readonly { input: z.output<I>; context: CommandContext }[],
    how: { atomic: boolean },
  ): Promise<(Accepted<A> | Rejection)[]>;
  /** Folded state, current as far as this process can know: own writes at once, others' through the subscription. */
  stateOf<D extends EventDefs, S>(
    aggregate: Aggregate<D, S>,
    id: string,
  ): Promise<{ state: S; revision: bigint; position: bigint }>;
  /** Decoded events of one stream, oldest first. Secrets are in events alone, never in states. */
  history<D extends EventDefs, S>(aggregate: Aggregate<D, S>, id: string): AsyncIterable<Recorded<EventOf<D>>>;
  /** The event of a ledger that has this id: found by the id alone, at the price of reading one event. */
  eventOf<D extends EventDefs, S>(
    aggregate: Aggregate<D, S>,
    id: string,
    eventId: string,
  ): Promise<Recorded<EventOf<D>> | undefined>;
};

type Options = {
  store: EventStore;
  codec: Codec;
  memory: CommandMemory;
  /** Where several processes write: without it one that is slower can be overtaken again and again. */
  rightOfWay?: RightOfWay;
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

export type Running = Handler & {
  /** Begins to follow what other processes write; until then every state is read anew. */
  start(): void;
  stop(): Promise<void>;
  /** How many streams' states, and how many of their commands, are in memory now. */
  held(): { lanes: number; commands: number };
};

/** The one way to write. */
export const commandHandler = (options: Options): Running => {
  const { store, codec, hashInput, warn = () => undefined } = options;
  const lanes = openLanes({ ...options, warn, limits: { ...defaultLimits, ...options.limits } });

  const jobOf = (command: Command, input: Job["input"], context: CommandContext, deliveryId: string): Job => ({
    command,
    input,
    inputHash: hashInput(`${command.name}\n${canonical(context.preparedFrom ?? input)}`),
    context,
    deliveryId,
  });
  const journal = <D extends EventDefs, S>({ category, events, ledger }: Aggregate<D, S>, id: string) =>
    journalOf({ store, codec, events, stream: `${category}-${id}`, isLedger: ledger !== undefined });

  /** A lane knows no types; what it answers with is what the command's own `answer` gave. */
  const carryOut = <A>(command: Command, id: string, units: readonly Unit[]) =>
    lanes.of(command.on, id).submit(units) as Promise<(Accepted<A> | Rejection)[]>;

  return {
    async handle<I extends z.ZodObject, D extends EventDefs, S, A>(
      command: Command<I, D, S, A>,
      input: z.output<I>,
      context: CommandContext,
    ) {
      const erased = command as unknown as Command;
      const job = jobOf(erased, input, context, randomUUID());
      const [outcome] = await carryOut<A>(erased, command.stream(input), unitsOf([job], false));
      if (!outcome) throw new Error("a command has an outcome");
      return outcome;
    },
    async handleAll<I extends z.ZodObject, D extends EventDefs, S, A>(
      command: Command<I, D, S, A>,
      items: readonly { input: z.output<I>; context: CommandContext }[],
      { atomic }: { atomic: boolean },
    ) {
      const [first] = items;
      if (!first) return [];
      const id = command.stream(first.input);
      const erased = command as unknown as Command;
      const deliveryId = randomUUID();
      const jobs = items.map(({ input, context }) => {
        if (command.stream(input) !== id) throw new Error(`a group of ${command.name} is for one stream`);
        return jobOf(erased, input, context, deliveryId);
      });
      return carryOut<A>(erased, id, unitsOf(jobs, atomic));
    },
    async stateOf<D extends EventDefs, S>(aggregate: Aggregate<D, S>, id: string) {
      const { state, revision, position } = await lanes.standing(aggregate as unknown as Aggregate, id);
      return { state: state as S, revision, position };
    },
    async *history(aggregate, id) {
      for await (const chunk of journal(aggregate, id).read()) yield* chunk;
    },
    async eventOf(aggregate, id, eventId) {
      const revision = revisionIn(eventId);
      if (revision === undefined) return undefined;
      let found: Recorded<EventOf<(typeof aggregate)["events"]>> | undefined;
      for await (const events of journal(aggregate, id).read(revision, 1))
        found = events.find((event) => event.id === eventId.toLowerCase());
      return found;
    },
    start: () => lanes.start(),
    stop: () => lanes.stop(),
    held: () => lanes.held(),
  };
};

const unitsOf = (jobs: readonly Job[], isAtomic: boolean): readonly Unit[] => {
  if (jobs.some(({ context }) => context.dryRun)) return [{ jobs, isAtomic, isDryRun: true }];
  if (isAtomic) return [{ jobs, isAtomic, isDryRun: false }];
  return jobs.map((job) => ({ jobs: [job], isAtomic: false, isDryRun: false }));
};
