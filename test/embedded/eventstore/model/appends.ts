import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { expectation, slot, textOf } from "./arbitraries.ts";
import type { Call } from "./nodeUnderTest.ts";
import {
  type Command,
  command,
  type Expectation,
  expectedOf,
  type Model,
  nameOf,
  type Real,
  type Sent,
  settle,
} from "./session.ts";
import { append, type Expected, headOf, metastreamOf, noRevision, type Proposed } from "./specification.ts";

const call: fc.Arbitrary<Call> = fc.constantFrom("batch", "alone");

/** A link says where it points to: `2@a`. */
type EventKind = "Ordered" | "Paid" | "Scanned" | { readonly linkTo: string };

const link = fc
  .record({ revision: fc.nat({ max: 5 }), prefix: fc.constantFrom("", "", "", "$$"), to: slot })
  .map(({ revision, prefix, to }) => ({ linkTo: `${revision}@${prefix}${to}` }));

const eventKind: fc.Arbitrary<EventKind> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<EventKind>("Ordered", "Paid", "Scanned") },
  { weight: 1, arbitrary: link },
);

function newEvent(model: Model, kind: EventKind): Proposed {
  model.eventsMade += 1;
  const n = model.eventsMade;
  const id = randomUUID();
  if (kind === "Scanned") return { id, type: kind, isJson: false, data: `scan ${n}`, metadata: undefined };
  if (typeof kind === "string") return { id, type: kind, isJson: true, data: { n }, metadata: { of: n } };
  const data = kind.linkTo.replace(/(?<=\$|@)(?=[a-z])/, `${model.prefix}-`);
  return { id, type: "$>", isJson: false, data, metadata: undefined };
}

type Appended = Omit<Sent, "after">;

async function send(model: Model, real: Real, { stream, expected, events }: Appended, how: Call): Promise<boolean> {
  const answer = await real.node.append(stream, expected, events, how);
  await settle(model, real, append(model.store, stream, expected, events), answer);
  return answer.kind === "accepted";
}

async function sendNew(model: Model, real: Real, stream: string, expected: Expectation, events: Proposed[], how: Call) {
  const after = headOf(model.store, stream);
  const sent = { stream, expected: expectedOf(model.store, stream, expected), events, after };
  const isAccepted = await send(model, real, sent, how);
  if (isAccepted && events.length > 0) model.sent.push(sent);
}

const kindText = (kind: EventKind) => (typeof kind === "string" ? kind : kind.linkTo);

export const newAppends: fc.Arbitrary<Command> = fc
  .record({ to: slot, kinds: fc.array(eventKind, { maxLength: 4 }), expected: expectation, how: call })
  .map(({ to, kinds, expected, how }) =>
    command(`append [${kinds.map(kindText)}] to ${to}, expecting ${textOf(expected)}, ${how}`, (model, real) => {
      const events = kinds.map((kind) => newEvent(model, kind));
      return sendNew(model, real, nameOf(model, to), expected, events, how);
    }),
  );

/** The last two are void as a whole, and so restrict nothing. */
const metadata = fc.constantFrom<Record<string, unknown>>(
  {},
  { $maxCount: 1 },
  { $maxCount: 3, owner: "Ada" },
  { $tb: 2 },
  { $tb: 4, $maxCount: 2 },
  { $tb: 100 },
  { $maxCount: 0, $tb: -1 },
  { $maxAge: 1_000_000, $cacheControl: 5 },
  { $maxCount: "two", $tb: 1 },
  { $maxCount: 1, $maxAge: 1.5 },
);

export const metadataAppends: fc.Arbitrary<Command> = fc
  .record({ of: slot, data: metadata, expected: expectation, how: call })
  .map(({ of, data, expected, how }) =>
    command(
      `set metadata of ${of} to ${JSON.stringify(data)}, expecting ${textOf(expected)}, ${how}`,
      (model, real) => {
        const event = { id: randomUUID(), type: "$metadata", isJson: true, data, metadata: undefined };
        return sendNew(model, real, metastreamOf(nameOf(model, of)), expected, [event], how);
      },
    ),
  );

/** In what a repeated append may differ from the one it repeats. */
const changes = {
  whole: (events: readonly Proposed[]) => events,
  head: (events: readonly Proposed[]) => events.slice(0, -1),
  tail: (events: readonly Proposed[]) => events.slice(1),
  reversed: (events: readonly Proposed[]) => events.toReversed(),
  twice: (events: readonly Proposed[]) => [...events, ...events],
  andOneMore: (events: readonly Proposed[], other: Proposed) => [...events, other],
  afterAnother: (events: readonly Proposed[], other: Proposed) => [other, ...events],
};

const change = fc.oneof(
  { weight: 1, arbitrary: fc.constant("whole" as const) },
  { weight: 2, arbitrary: fc.constantFrom("head", "tail", "reversed", "twice", "andOneMore", "afterAnother") },
);

type ExpectationAgain = Expectation | "what it did" | "its place";

function resolved({ store }: Model, stream: string, expected: ExpectationAgain, former: Sent): Expected {
  if (expected === "what it did") return former.expected;
  if (expected === "its place") return former.after === noRevision ? "no_stream" : former.after;
  return expectedOf(store, stream, expected);
}

export const repeatedAppends: fc.Arbitrary<Command> = fc
  .record({
    back: fc.nat({ max: 3 }),
    change,
    expected: fc.oneof(fc.constantFrom("what it did" as const, "its place" as const, "any" as const), expectation),
    elsewhere: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: slot }),
    how: call,
  })
  .map(({ back, change, expected, elsewhere, how }) => {
    const where = elsewhere === undefined ? "where they were" : `to ${elsewhere}`;
    const which = back === 0 ? "last append" : `append ${back} before the last`;
    const text = `repeat the ${which}, ${change}, ${where}, expecting ${textOf(expected)}, ${how}`;
    return command(text, async (model, real) => {
      const former = model.sent.at(-1 - back);
      if (former === undefined) return;
      const stream = elsewhere === undefined ? former.stream : nameOf(model, elsewhere);
      const other = { ...newEvent(model, "Ordered"), type: former.events[0]?.type ?? "Ordered" };
      const events = changes[change](former.events, other);
      await send(model, real, { stream, expected: resolved(model, stream, expected, former), events }, how);
    });
  });
