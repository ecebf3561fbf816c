import { z } from "zod";
import { resource } from "../../kernel/resource.ts";
import { repository } from "./repository.ts";

const jsonLengthMax = 16_384;
/** As Postgres can keep it: without NUL characters and halves of surrogate pairs. */
const JsonObject = z.record(z.string(), z.unknown()).refine((value) => {
  const json = JSON.stringify(value);
  return json.length <= jsonLengthMax && !/\\u(0000|d[89a-f])/.test(json);
}, `must be at most ${jsonLengthMax} characters of JSON, without NUL characters`);

/** JOB-01: asked for by a person, run by a worker, which alone says how it ended. */
export const job = resource({
  noun: "Job",
  scope: "organization",
  parents: [repository],
  isNested: true,
  fields: z.object({
    type: z
      .string()
      .max(63)
      .regex(/^[a-z][a-z0-9_.-]{0,62}$/),
    payload: JsonObject.default({}),
    result: JsonObject.nullable(),
  }),
  given: { result: null },
  statuses: {
    queued: ["running", "cancelled"],
    running: ["succeeded", "failed", "cancelled"],
    succeeded: [],
    failed: [],
    cancelled: [],
  },
  example: { type: "index", payload: { branch: "main" }, result: null },
});
