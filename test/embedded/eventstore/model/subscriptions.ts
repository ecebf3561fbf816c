import fc from "fast-check";
import { slot } from "./arbitraries.ts";
import type { Checkpoints } from "./inbox.ts";
import { type Command, command, type Model, nameOf, resume, subscribe } from "./session.ts";
import { type Filter, headOf, noRevision } from "./specification.ts";

/** A number of a stream is a revision, one of all a distance from where the run began. */
type From = "start" | "end" | number;

const from: fc.Arbitrary<From> = fc.oneof(fc.constantFrom("start" as const, "end" as const), fc.nat({ max: 12 }));
const seldom: Checkpoints = { window: 32, multiplier: 1 };

export const streamSubscriptions: fc.Arbitrary<Command> = fc
  .record({ to: slot, from, resolvesLinks: fc.boolean() })
  .map(({ to, from, resolvesLinks }) =>
    command(`subscribe to ${to} from ${from}${resolvesLinks ? ", resolving links" : ""}`, (model, real) => {
      const stream = nameOf(model, to);
      const after = from === "start" ? noRevision : from === "end" ? headOf(model.store, stream) : BigInt(from);
      const watch = { stream, after, filter: undefined, resolvesLinks };
      return subscribe(model, real, { watch, from: typeof from === "number" ? after : from, checkpoints: seldom });
    }),
  );

/** `~` stands for what the names of a run's streams begin with. */
const filter = fc.option(
  fc.constantFrom<Filter>(
    { on: "type", prefixes: ["Ord", "$"] },
    { on: "type", regex: "^[^$].*" },
    { on: "type", regex: "d$" },
    { on: "stream", prefixes: ["~-a"] },
    { on: "stream", prefixes: ["~-b", "$$~-a"] },
    { on: "stream", regex: "~-[ac]$" },
  ),
  { nil: undefined, freq: 4 },
);

function ofRun(filter: Filter | undefined, { prefix }: Model): Filter | undefined {
  if (filter === undefined) return undefined;
  const inRun = (text: string) => text.replace("~", prefix);
  return "regex" in filter
    ? { ...filter, regex: inRun(filter.regex) }
    : { ...filter, prefixes: filter.prefixes.map(inRun) };
}

const checkpoints: fc.Arbitrary<Checkpoints> = fc.record({
  window: fc.integer({ min: 1, max: 8 }),
  multiplier: fc.integer({ min: 1, max: 3 }),
});

export const allSubscriptions: fc.Arbitrary<Command> = fc
  .record({ from, filter, checkpoints, resolvesLinks: fc.boolean() })
  .map(({ from, filter, checkpoints, resolvesLinks }) => {
    const { window, multiplier } = checkpoints;
    const filtered = filter === undefined ? "" : `, ${JSON.stringify(filter)}, checkpoints ${multiplier}x${window}`;
    const text = `subscribe to $all from ${from}${filtered}${resolvesLinks ? ", resolving links" : ""}`;
    return command(text, (model, real) => {
      const last = model.store.log.length - 1;
      const place = typeof from === "number" ? Math.min(model.firstPlace + from, last) : last;
      const after = from === "start" ? noRevision : BigInt(place);
      const watch = { stream: undefined, after, filter: ofRun(filter, model), resolvesLinks };
      return subscribe(model, real, { watch, from: typeof from === "number" ? after : from, checkpoints });
    });
  });

export const resumptions: fc.Arbitrary<Command> = fc
  .record({ which: fc.nat({ max: 3 }), from: fc.constantFrom("last event" as const, "checkpoint" as const) })
  .map(({ which, from }) =>
    command(`resume subscription ${which} from its ${from}`, async (model, real) => {
      const subscription = model.subscriptions[which];
      if (subscription !== undefined) await resume(model, real, [subscription], from);
    }),
  );
