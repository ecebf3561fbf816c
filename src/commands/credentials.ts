import { z } from "zod";
import {
  type Credential,
  CredentialName,
  credential,
  maskedKey,
  ProviderName,
  Secret,
} from "../domain/credentials/credential.ts";
import { command } from "../kernel/decider.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import type { CommandContext, Handler } from "./handler.ts";

const InCredential = z.object({ workspaceId: z.uuid(), credentialId: z.uuid() });
const inCredential = ({ credentialId }: { credentialId: string }): string => credentialId;

/** All of a credential that anybody is shown (CRED-06). */
export const CredentialView = z.object({
  id: z.uuid(),
  providerName: ProviderName,
  name: z.string(),
  maskedKey: z.string(),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
});

export const StoreCredential = command(credential, {
  name: "StoreCredential",
  permission: "credential:write",
  input: InCredential.extend({
    providerName: ProviderName,
    name: CredentialName.optional(),
    key: Secret,
    secret: Secret.optional(),
  }),
  output: CredentialView,
  stream: inCredential,
  decide: ({ providerName, name = providerName, key, secret = null, ...ids }, current, { actor, organizationId }) => {
    if (current.status !== "absent")
      return reject("conflict", "CREDENTIAL_EXISTS", "This credential was stored before.");
    if (!organizationId || !actor.id) return reject("forbidden", "FORBIDDEN", "A credential is stored by a user.");
    const owner = { organizationId, createdBy: actor.id };
    return [
      {
        type: "CredentialStored",
        data: { ...ids, ...owner, providerName, name, key, secret, maskedKey: maskedKey(key) },
      },
    ];
  },
  answer: ({ input: { credentialId, providerName, name = providerName, key }, facts: { now } }) => ({
    id: credentialId,
    providerName,
    name,
    maskedKey: maskedKey(key),
    createdAt: now,
    lastUsedAt: null,
  }),
});

/** CRED-07: the event stays, its key is destroyed by the reaction that follows it. */
export const DeleteCredential = command(credential, {
  name: "DeleteCredential",
  permission: "credential:delete",
  input: InCredential,
  output: z.null(),
  stream: inCredential,
  decide: (ids, current) => {
    const stored = storedIn(current, ids.workspaceId);
    if (!stored) return noCredential();
    return [{ type: "CredentialDeleted", data: { ...ids, organizationId: stored.organizationId } }];
  },
  answer: () => null,
});

const useNotedEveryMs = 60_000;

/** CRED-08: the last use is kept to the minute: an event for each would say no more and make the stream long. */
export const NoteCredentialUse = command(credential, {
  name: "NoteCredentialUse",
  permission: "credential:read",
  input: InCredential,
  output: z.null(),
  stream: inCredential,
  decide: (ids, current, { now }) => {
    const stored = storedIn(current, ids.workspaceId);
    if (!stored) return noCredential();
    const sinceMs = stored.lastUsedAt ? Date.parse(now) - Date.parse(stored.lastUsedAt) : useNotedEveryMs;
    if (sinceMs < useNotedEveryMs) return [];
    return [{ type: "CredentialUsed", data: { ...ids, organizationId: stored.organizationId, usedAt: now } }];
  },
  answer: () => null,
});

/** For the engine alone, never for a route: the secrets in clear, their use noted. */
export const credentialSecrets =
  ({ handle, history }: Handler) =>
  async (
    ids: z.output<typeof InCredential>,
    context: CommandContext,
  ): Promise<{ key: string; secret: string | null } | Rejection> => {
    const noted = await handle(NoteCredentialUse, ids, context);
    if (isRejection(noted)) return noted;
    for await (const event of history(credential, ids.credentialId))
      if (event.type === "CredentialStored") return { key: event.data.key, secret: event.data.secret };
    return noCredential();
  };

const storedIn = (current: Credential, workspaceId: string) =>
  current.status === "stored" && current.workspaceId === workspaceId ? current : undefined;

const noCredential = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such credential.");
