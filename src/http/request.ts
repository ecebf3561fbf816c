import type { FastifyRequest } from "fastify";
import type { Access, Caller } from "./ports.ts";

/** What the stages of the pipeline learn about a request, for its one line in the log (LOG-01). */
type Told = {
  workspaceId?: string;
  /** Of the path; the active one stands in `auth`. */
  organizationId?: string;
  tier?: string;
  role?: string | null;
  errorCode?: string;
  /** Why a credential was not accepted, or why the access check decided so: told to the log alone. */
  reason?: string;
};

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; null on routes that anybody may call. Set by the auth stage. */
    auth: Caller | null;
    /** Why they may. Set by the rbac stage. */
    access: Access | null;
    told: Told;
  }
  interface FastifyContextConfig {
    /** The operation's name. */
    action?: string;
    /** The kind of thing its permission is about. */
    resource?: string;
    /** Which limit counts the request; "general" when absent. */
    limit?: "auth" | "general" | "none";
  }
}

/** Longer names of browsers are cut: they are for people to read. */
const USER_AGENT_LENGTH_MAX = 512;

export const userAgentOf = ({ headers }: Pick<FastifyRequest, "headers">): string | null =>
  headers["user-agent"]?.slice(0, USER_AGENT_LENGTH_MAX) ?? null;
