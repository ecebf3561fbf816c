import { z } from "zod";
import { apiKey } from "../domain/accounts/apiKey.ts";
import { activeRole, isPresent } from "../domain/tenancy/organization.ts";
import { reaches, type WorkspaceRole } from "../domain/tenancy/roles.ts";
import { isThere } from "../domain/tenancy/workspace.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import { accessControl, type Standing } from "./access.ts";
import {
  ApiKeyView,
  ChangeApiKeyScopes,
  ChangedScopes,
  CreateApiKey,
  NewApiKey,
  noApiKey,
  type OfApiKey,
  RollApiKey,
  RolledApiKey,
} from "./apiKeys.ts";
import { freshApiKey } from "./apiKeyText.ts";
import type { Accepted, CommandContext } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { operation } from "./operation.ts";

type Services = { handler: Handler };

const IssuedApiKey = ApiKeyView.extend({
  key: z
    .string()
    .nullable()
    .describe("Shown this once; null when a request with the same Idempotency-Key is answered again"),
});

/** KEY-01: the id follows from the command, so that a request sent again makes no second key. */
export const apiKeyCreation = ({ handler }: Services) =>
  operation({
    name: CreateApiKey.name,
    permission: CreateApiKey.permission,
    input: NewApiKey,
    output: IssuedApiKey,
    execute: async (asked, context) => {
      const voucher = await voucherFor(handler, { ...asked, workspaceId: asked.workspaceId ?? null }, context);
      if (isRejection(voucher)) return voucher;
      const apiKeyId = derivedId(context.commandId, "api_key");
      const { key, secretHash } = freshApiKey(apiKeyId);
      const created = { ...asked, ...voucher, apiKeyId, secretHash };
      return shown(key, await handler.handle(CreateApiKey, created, { ...context, preparedFrom: asked }));
    },
  });

/** Whoever rolls a key vouches for it from then on: it outlives the person who made it. */
export const apiKeyRolling = ({ handler }: Services) =>
  operation({
    name: RollApiKey.name,
    permission: RollApiKey.permission,
    input: RolledApiKey,
    output: IssuedApiKey,
    execute: async (asked, context) => {
      const current = await activeKey(handler, asked);
      if (isRejection(current)) return current;
      const voucher = await voucherFor(handler, current, context);
      if (isRejection(voucher)) return voucher;
      const { key, secretHash } = freshApiKey(asked.apiKeyId);
      const rolled = { ...asked, ...voucher, secretHash };
      return shown(key, await handler.handle(RollApiKey, rolled, { ...context, preparedFrom: asked }));
    },
  });

/** Of role and scopes together, because each of them bounds the other. */
export const apiKeyScopesChange = ({ handler }: Services) =>
  operation({
    name: ChangeApiKeyScopes.name,
    permission: ChangeApiKeyScopes.permission,
    input: ChangedScopes,
    output: ApiKeyView,
    execute: async (asked, context) => {
      const current = await activeKey(handler, asked);
      if (isRejection(current)) return current;
      const voucher = await voucherFor(handler, { ...current, role: asked.role }, context);
      if (isRejection(voucher)) return voucher;
      return handler.handle(ChangeApiKeyScopes, { ...asked, ...voucher }, { ...context, preparedFrom: asked });
    },
  });

const activeKey = async ({ stateOf }: Handler, { organizationId, apiKeyId }: z.output<typeof OfApiKey>) => {
  const { state } = await stateOf(apiKey, apiKeyId);
  return state.status === "active" && state.organizationId === organizationId ? state : noApiKey();
};

type Wanted = { organizationId: string; workspaceId: string | null; role: WorkspaceRole };

/** The person who asks, where they may all that the key shall. What they may later bounds it later, at each request. */
const voucherFor = async (
  { stateOf }: Handler,
  { organizationId, workspaceId, role }: Wanted,
  { actor }: CommandContext,
): Promise<{ vouchedBy: string } | Rejection> => {
  if (actor.kind !== "user" || actor.id === null) throw new Error("a person vouches for a key");
  const caller = { userId: actor.id, organizationId };
  const standing = await accessControl({ stateOf }).standingOf(caller, {
    organizationId,
    workspaceId: workspaceId ?? undefined,
  });
  const there = standing.workspace?.state;
  if (there && !(isThere(there) && there.organizationId === organizationId)) return noWorkspace();
  const own = highestRole(standing);
  if (own && reaches(own, role)) return { vouchedBy: actor.id };
  return reject("forbidden", "ROLE_ABOVE_OWN", "A key may not have more than who makes it.", { role: own });
};

const noWorkspace = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such workspace.");

/** In the workspace, or in all of them: there an organization's admin is an admin, and owns none. */
const highestRole = ({ caller, isSystemAdmin, organization, workspace }: Standing): WorkspaceRole | null => {
  if (isSystemAdmin) return "owner";
  if (!isPresent(organization)) return null;
  const own = workspace && isThere(workspace.state) ? workspace.state.members.get(caller.userId)?.role : undefined;
  if (activeRole(organization, caller.userId) === "admin") return own === "owner" ? "owner" : "admin";
  return own ?? null;
};

const shown = <A extends object>(key: string, outcome: Accepted<A> | Rejection) =>
  isRejection(outcome) ? outcome : { ...outcome, answer: { ...outcome.answer, key: outcome.replayed ? null : key } };
