import type { FastifyRequest } from "fastify";
import type { Attempter } from "../commands/accessLog.ts";
import type { Rejection } from "../kernel/rejection.ts";
import type { Ports } from "./ports.ts";
import { userAgentOf } from "./request.ts";

type Notes = Pick<Ports, "accessNotes">;

/** RBAC-11, TEN-15: the access check did not let the caller do this, for the reason that the log is told. */
export const noteDenial = (notes: Notes, request: FastifyRequest, { code }: Pick<Rejection, "code">): void =>
  noteRefusal(notes, request, { code, reason: request.told.reason ?? code.toLowerCase() });

/** The access check did, and the command did not: it knows more of who may do what to whom. */
export const noteForbidden = (notes: Notes, request: FastifyRequest, { code }: Pick<Rejection, "code">): void =>
  noteRefusal(notes, request, { code, reason: code.toLowerCase() });

type Grounds = { code: string; reason: string };

const noteRefusal = ({ accessNotes }: Notes, request: FastifyRequest, { code, reason }: Grounds): void => {
  const { auth, told } = request;
  const data = {
    ...{ organizationId: auth?.organizationId ?? null, operation: operationOf(request), code },
    ...{ reason, tier: told.tier ?? null, role: told.role ?? null },
    targetOrganizationId: told.organizationId ?? null,
    targetWorkspaceId: told.workspaceId ?? null,
  };
  accessNotes.note({ type: "AccessDenied", data }, attempterOf(request));
};

/** Clients that have yet to sign in or to refresh come by all the time; who presents something else has made it up. */
const harmless: ReadonlySet<string> = new Set(["no_credentials", "no_bearer", "expired"]);

/** AUTH-25: what was presented is no token or key of ours, or one that was ended. */
export const noteBadCredentials = (notes: Notes, request: FastifyRequest): void => {
  const { reason } = request.told;
  if (reason !== undefined && !harmless.has(reason)) noteDenial(notes, request, { code: "UNAUTHENTICATED" });
};

const operationOf = ({ routeOptions }: FastifyRequest): string =>
  routeOptions.config.action ?? String(routeOptions.url);

const attempterOf = (request: FastifyRequest): Attempter => ({
  requestId: request.id,
  sessionId: request.auth?.sessionId ?? null,
  workspaceId: request.told.workspaceId ?? null,
  ip: request.ip,
  userAgent: userAgentOf(request),
  actor: request.auth?.actor ?? { kind: "anonymous", id: null },
});
