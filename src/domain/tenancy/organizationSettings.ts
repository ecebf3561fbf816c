import { z } from "zod";
import { text } from "../../kernel/text.ts";

/** ORG-05: null is what nobody has said. */
export const OrganizationSettings = z.object({
  industry: text(100).nullable(),
  cloudProvider: z.enum(["aws", "azure", "gcp", "on_premises", "other"]).nullable(),
  projectManagementTool: z.enum(["asana", "azure_devops", "github", "jira", "linear", "trello", "other"]).nullable(),
});
export type OrganizationSettings = z.output<typeof OrganizationSettings>;

const Framework = z.enum(["GDPR", "HIPAA", "ISO27001", "PCI_DSS", "SOC2"]);
const frameworksMax = Framework.options.length;

export const Compliance = z.object({ frameworks: z.array(Framework).max(frameworksMax) });
export type Compliance = z.output<typeof Compliance>;

/** ORG-04: each framework once, in the order of the alphabet, however they were given. */
export const inOrder = ({ frameworks }: Compliance): Compliance => ({ frameworks: [...new Set(frameworks)].sort() });
