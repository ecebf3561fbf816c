import fc from "fast-check";
import { expect } from "vitest";
import { type Command, command, resume } from "./session.ts";
import { restarted } from "./specification.ts";

/** Every subscriber goes on from where it was. */
export const restarts: fc.Arbitrary<Command> = fc.constantFrom("stopped" as const, "killed" as const).map((how) =>
  command(`the server is ${how} and started again`, async (model, real) => {
    await real.node.restart(how);
    model.store = restarted(model.store);
    expect(await real.node.commits()).toEqual([]);
    await resume(model, real, model.subscriptions, "last event");
  }),
);
