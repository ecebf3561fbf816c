import "@fastify/compress";
import type { FastifyInstance, FastifyReply, FastifyRequest, preValidationAsyncHookHandler } from "fastify";
import { isRejection } from "../kernel/rejection.ts";
import { type TenantContext, tenantContext } from "../platform/tenantContext.ts";
import { noteBadCredentials, noteDenial } from "./attempts.ts";
import { authenticate } from "./auth.ts";
import { refused, validated } from "./errors.ts";
import { describeRoute } from "./openapi.ts";
import type { Ports } from "./ports.ts";
import type { Route } from "./route.ts";
import { enter } from "./stage.ts";

/** A route with what happens on it. */
export type Binding = {
  route: Route;
  /** Which limit counts the request: the sign-in routes share one of their own. */
  limit?: "auth" | "none" | undefined;
  /** Never for answers that mix secrets with what the caller sent (FND-17). */
  isCompressed: boolean;
  /** Served, but not written down: a second address of a route. */
  isAlias?: boolean;
  handle: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
};

/** RBAC-05: a route whose permission nobody knows does not come into being. */
export const register = (server: FastifyInstance, ports: Ports, binding: Binding): void => {
  const { route, limit = "general", isCompressed, isAlias = false, handle } = binding;
  const { permission, name, method, path } = route;
  const requirement = ports.access.permissions[permission];
  if (requirement === undefined) throw new Error(`${name}: the catalogue has no permission ${permission}`);
  const isPublic = requirement.tier === "public";
  server.route({
    method,
    url: path,
    exposeHeadRoute: route.contentType === "application/json",
    config: { action: name, resource: permission.split(":")[0] ?? permission, limit },
    schema: isAlias ? { hide: true } : describeRoute(route, isPublic),
    ...(isCompressed ? {} : { compress: false }),
    preValidation: admission(ports, route, isPublic),
    handler: (request, reply) => {
      enter("handler", request);
      // What anybody may see belongs to nobody: there, a read of a tenant's rows is a bug that shows.
      return isPublic ? handle(request, reply) : tenantContext.run(tenantOf(request), () => handle(request, reply));
    },
  });
};

/** TEN-02: by the token and what the access check found, whatever path and body say. */
const tenantOf = ({ id: requestId, auth, access, told }: FastifyRequest): TenantContext => ({
  organizationId: access?.organizationId ?? auth?.organizationId,
  workspaceId: told.workspaceId,
  userId: auth?.userId,
  requestId,
});

/** In this order: who asks, in which workspace, and whether they may. */
const admission = (ports: Ports, { params, permission }: Route, isPublic: boolean): preValidationAsyncHookHandler => {
  const callerOf = authenticate(ports);
  return async (request) => {
    enter("auth", request);
    if (!isPublic) request.auth = await callerOf(request).catch(unaccepted(ports, request));
    enter("tenantContext", request);
    // The ids in the path are checked before anything is asked about them.
    const named: Readonly<Record<string, unknown>> = validated(params, request.params);
    if (typeof named["workspaceId"] === "string") request.told.workspaceId = named["workspaceId"];
    if (typeof named["organizationId"] === "string") request.told.organizationId = named["organizationId"];
    enter("rbac", request);
    if (request.auth === null) return;
    const { organizationId, workspaceId } = request.told;
    const outcome = await ports.access.check(permission, request.auth, { organizationId, workspaceId });
    const { tier, role, reason } = outcome;
    Object.assign(request.told, { tier, role, reason });
    if (isRejection(outcome)) {
      noteDenial(ports, request, outcome);
      throw refused(outcome);
    }
    request.access = outcome;
  };
};

const unaccepted =
  (ports: Ports, request: FastifyRequest) =>
  (error: unknown): never => {
    noteBadCredentials(ports, request);
    throw error;
  };
