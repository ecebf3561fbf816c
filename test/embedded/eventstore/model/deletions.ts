import fc from "fast-check";
import { expectationOfDeletion, slot, textOf } from "./arbitraries.ts";
import { type Command, command, expectedOf, nameOf, settle } from "./session.ts";
import { softDelete, tombstone } from "./specification.ts";

const deletions = { softDelete, tombstone };

const deletionsOf = (kind: keyof typeof deletions): fc.Arbitrary<Command> =>
  fc.record({ of: slot, expected: expectationOfDeletion }).map(({ of, expected }) =>
    command(`${kind} ${of}, expecting ${textOf(expected)}`, async (model, real) => {
      const stream = nameOf(model, of);
      const resolved = expectedOf(model.store, stream, expected);
      const answer = await real.node[kind](stream, resolved);
      await settle(model, real, [deletions[kind](model.store, stream, resolved)], answer);
    }),
  );

export const softDeletions = deletionsOf("softDelete");
export const tombstones = deletionsOf("tombstone");
