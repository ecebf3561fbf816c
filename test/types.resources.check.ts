/**
 * What the compiler knows of a kind of resource (PLAN-07), and must refuse: a `@ts-expect-error` fails the type check
 * when the line below it is accepted. Nothing here runs.
 */
import { z } from "zod";
import { epic } from "../src/domain/planning/planning.ts";
import { job } from "../src/domain/repositories/job.ts";
import { repository } from "../src/domain/repositories/repository.ts";
import { resource } from "../src/kernel/resource.ts";
import { given } from "./spec.ts";

// The fields of a kind are those of its schema.
type Epic = z.output<typeof epic.fields>;
export const selfService: Epic = { title: "Self-service", description: null, priority: "high", period: null };
// @ts-expect-error no such priority
export const urgent: Epic = { ...selfService, priority: "urgent" };
// @ts-expect-error title is missing
export const untitled: Epic = { description: null, priority: "high", period: null };

// Its events have names of their own, and its fields.
const ids = { id: "i", organizationId: "o", workspaceId: "w" };
given(epic.aggregate, { type: "EpicChanged", data: { ...ids, claim: null, fields: selfService } });
// @ts-expect-error the fields of another kind
given(epic.aggregate, { type: "EpicChanged", data: { ...ids, claim: null, fields: repository.example } });
// @ts-expect-error the event of another kind
given(epic.aggregate, { type: "JobDeleted", data: ids });
// @ts-expect-error nobody puts jobs in an order
given(job.aggregate, { type: "JobMoved", data: { ...ids, claim: null, parent: null, rank: "a" } });

// A definition fits its own fields.
const gadget = { noun: "Gadget", scope: "workspace", statuses: { new: [] } } as const;
const fields = z.object({ name: z.string(), size: z.int() });
resource({ ...gadget, fields, unique: "name", given: { size: 0 }, example: { name: "Lever", size: 2 } });
// @ts-expect-error there is no field to be unique
resource({ ...gadget, fields, unique: "colour", example: { name: "Lever", size: 2 } });
// @ts-expect-error the example has no size
resource({ ...gadget, fields, example: { name: "Lever" } });
// @ts-expect-error what the system sets is a number
resource({ ...gadget, fields, given: { size: "small" }, example: { name: "Lever", size: 2 } });
