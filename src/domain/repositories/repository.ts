import { z } from "zod";
import { resource } from "../../kernel/resource.ts";
import { text } from "../../kernel/text.ts";

/** REPO-02: lower-case words, joined by one dot, hyphen or underscore each. */
const RepositoryName = z
  .string()
  .max(100)
  .regex(/^[a-z0-9]+([._-][a-z0-9]+)*$/, "must be lower-case letters and digits, joined by single . _ or -");

export const repository = resource({
  noun: "Repository",
  scope: "organization",
  fields: z.object({
    name: RepositoryName,
    description: text(1_000).nullable().default(null),
    url: z
      .url({ protocol: /^https$/ })
      .max(2_000)
      .nullable()
      .default(null),
    defaultBranch: text(255).default("main"),
  }),
  unique: "name",
  statuses: { active: ["archived"], archived: ["active"] },
  example: {
    name: "enrichment-flows",
    description: "What the sales team runs",
    url: "https://git.example.com/acme/enrichment-flows",
    defaultBranch: "main",
  },
});
