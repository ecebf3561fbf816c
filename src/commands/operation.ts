import type { z } from "zod";
import type { Rejection } from "../kernel/rejection.ts";
import type { Accepted, CommandContext } from "./handler.ts";

/**
 * What a route is bound to: a command, or a workflow of several. A workflow prepares what is impure (a hash, a
 * token), gives every step an id that follows from the command's, and writes the event that decides last: a crash
 * on the way leaves nothing visible, and the same request sent again finishes the job.
 */
export type Operation<I extends z.ZodObject = z.ZodObject, A = unknown> = {
  name: string;
  permission: string;
  input: I;
  output: z.ZodType<A>;
  execute: (input: z.output<I>, context: CommandContext) => Promise<Accepted<A> | Rejection>;
};
export const operation = <I extends z.ZodObject, A>(definition: Operation<I, A>): Operation<I, A> => definition;
