import { z } from "zod";

export const PlanType = z.enum(["free", "pro", "enterprise"]);
export type PlanType = z.output<typeof PlanType>;

const upTo = (max: number) => z.int().nonnegative().max(max);

/**
 * How much of each thing an organization may have. Users, workspaces and members are copied with every one that comes,
 * and all of them are in memory: nobody is given more of them than this.
 */
export const Quotas = z.object({
  maxUsers: upTo(2_000),
  maxWorkspaces: upTo(10_000),
  maxMembersPerWorkspace: upTo(1_000),
  maxPipelines: upTo(1_000_000),
  maxExecutionsPerMonth: upTo(1_000_000_000),
});
export type Quotas = z.output<typeof Quotas>;

/** ORG-03, QUO-01: what comes with a plan. A system admin may give an organization something else. */
export const quotasOf: Readonly<Record<PlanType, Quotas>> = {
  free: {
    maxUsers: 5,
    maxWorkspaces: 100,
    maxMembersPerWorkspace: 100,
    maxPipelines: 10,
    maxExecutionsPerMonth: 1_000,
  },
  pro: {
    maxUsers: 100,
    maxWorkspaces: 1_000,
    maxMembersPerWorkspace: 100,
    maxPipelines: 100,
    maxExecutionsPerMonth: 100_000,
  },
  enterprise: {
    maxUsers: 2_000,
    maxWorkspaces: 10_000,
    maxMembersPerWorkspace: 1_000,
    maxPipelines: 10_000,
    maxExecutionsPerMonth: 10_000_000,
  },
};
