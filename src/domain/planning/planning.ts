import { z } from "zod";
import { resource } from "../../kernel/resource.ts";
import { text } from "../../kernel/text.ts";

const title = text(200);
const longText = text(10_000).nullable().default(null);
const priority = z.enum(["low", "medium", "high", "critical"]).default("medium");
const estimate = z.int().min(0).max(1_000).nullable().default(null);
const assigneeId = z.uuid().nullable().default(null);
const criteria = z.array(text(1_000)).max(50).default([]);

/** Work may be taken up again after it was done, and everything can be put aside and taken out again. */
const workStatuses = {
  draft: ["active", "archived"],
  active: ["draft", "done", "archived"],
  done: ["active", "archived"],
  archived: ["draft"],
};
const documentStatuses = {
  draft: ["in_review", "archived"],
  in_review: ["draft", "approved", "archived"],
  approved: ["in_review", "archived"],
  archived: ["draft"],
};
const taskStatuses = {
  todo: ["in_progress", "blocked", "done"],
  in_progress: ["todo", "blocked", "done"],
  blocked: ["todo", "in_progress"],
  done: ["todo"],
};

/** PLAN-01, PLAN-02: below the product everything hangs together as a tree, all of it in one workspace (PLAN-05). */
const planned = { scope: "workspace", isOrdered: true } as const;

export const product = resource({
  ...planned,
  noun: "Product",
  fields: z.object({
    name: text(100),
    key: z
      .string()
      .max(10)
      .regex(/^[A-Z][A-Z0-9]{1,9}$/, "must be 2 to 10 capital letters and digits"),
    description: longText,
  }),
  unique: "key",
  statuses: workStatuses,
  example: { name: "Enrichment", key: "ENR", description: "Finds what is missing in a list of companies" },
});

export const productBrief = resource({
  ...planned,
  noun: "ProductBrief",
  parents: [product],
  fields: z.object({ title, problem: longText, goals: criteria, audience: text(1_000).nullable().default(null) }),
  unique: "title",
  statuses: documentStatuses,
  example: {
    title: "Why enrichment",
    problem: "Lists are bought twice",
    goals: ["Half the time to a clean list"],
    audience: "Sales operations",
  },
});

const period = z
  .object({ startsOn: z.iso.date(), endsOn: z.iso.date() })
  .refine(({ startsOn, endsOn }) => startsOn <= endsOn, { path: ["endsOn"], message: "must not be before startsOn" });

export const epic = resource({
  ...planned,
  noun: "Epic",
  parents: [product],
  fields: z.object({ title, description: longText, priority, period: period.nullable().default(null) }),
  unique: "title",
  statuses: workStatuses,
  example: {
    title: "Self-service",
    description: "Nobody has to be asked",
    priority: "high",
    period: { startsOn: "2026-12-01", endsOn: "2027-02-28" },
  },
});

export const productRequirement = resource({
  ...planned,
  noun: "ProductRequirement",
  parents: [product, epic],
  fields: z.object({ title, rationale: longText, acceptanceCriteria: criteria, priority }),
  unique: "title",
  statuses: documentStatuses,
  example: {
    title: "A list is imported by its owner",
    rationale: "Support does it today",
    acceptanceCriteria: ["10,000 rows in a minute"],
    priority: "high",
  },
});

export const technicalRequirement = resource({
  ...planned,
  noun: "TechnicalRequirement",
  parents: [productRequirement, epic],
  fields: z.object({
    title,
    specification: longText,
    category: z.enum(["performance", "security", "reliability", "integration", "other"]).default("other"),
    priority,
  }),
  unique: "title",
  statuses: documentStatuses,
  example: {
    title: "Rows are streamed",
    specification: "At most 16 MB in memory",
    category: "performance",
    priority: "medium",
  },
});

export const feature = resource({
  ...planned,
  noun: "Feature",
  parents: [epic],
  fields: z.object({ title, description: longText, priority }),
  unique: "title",
  statuses: workStatuses,
  example: { title: "CSV import", description: "By drag and drop", priority: "high" },
});

export const userStory = resource({
  ...planned,
  noun: "UserStory",
  parents: [epic, feature],
  fields: z.object({
    title,
    asA: text(200),
    iWant: text(1_000),
    soThat: text(1_000).nullable().default(null),
    acceptanceCriteria: criteria,
    storyPoints: z.int().min(0).max(100).nullable().default(null),
  }),
  statuses: workStatuses,
  example: {
    title: "Import my list",
    asA: "sales manager",
    iWant: "to drop a file on the page",
    soThat: "I need not ask support",
    acceptanceCriteria: ["Faults are shown by line"],
    storyPoints: 5,
  },
});

export const component = resource({
  ...planned,
  noun: "Component",
  parents: [product, feature],
  fields: z.object({ name: text(100), description: longText, technology: text(100).nullable().default(null) }),
  unique: "name",
  statuses: workStatuses,
  example: { name: "Importer", description: "Reads what was dropped", technology: "Node streams" },
});

export const task = resource({
  ...planned,
  noun: "Task",
  parents: [userStory, feature, component, technicalRequirement],
  fields: z.object({
    title,
    description: longText,
    assigneeId,
    estimateHours: estimate,
    dueOn: z.iso.date().nullable().default(null),
  }),
  statuses: taskStatuses,
  example: {
    title: "Read a CSV file line by line",
    description: null,
    assigneeId: null,
    estimateHours: 8,
    dueOn: "2026-12-18",
  },
});

export const subtask = resource({
  ...planned,
  noun: "Subtask",
  parents: [task],
  fields: z.object({ title, assigneeId, estimateHours: estimate }),
  statuses: taskStatuses,
  example: { title: "Quotes within quotes", assigneeId: null, estimateHours: 2 },
});
