import { randomUUID } from "node:crypto";
import { type ActiveApiKey, apiKey, goodSecrets, isPast } from "../domain/accounts/apiKey.ts";
import { user } from "../domain/accounts/user.ts";
import { activeRole, organization } from "../domain/tenancy/organization.ts";
import type { Actor } from "../kernel/decider.ts";
import { isRejection } from "../kernel/rejection.ts";
import type { Caller } from "./access.ts";
import { isUseNoted, RecordApiKeyUse } from "./apiKeys.ts";
import { isAmong, readApiKey } from "./apiKeyText.ts";
import type { Handler } from "./handler.ts";

/** Why a key is not accepted: for the log alone. */
export type ApiKeyFault = {
  fault: "malformed_key" | "unknown_key" | "revoked_key" | "expired_key" | "wrong_secret" | "unvouched_key";
};
/** The key as an actor of its own, and the person who vouches for it. */
export type ApiKeyCaller = Caller & { apiKeyId: string };

/**
 * KEY-01, KEY-02: whose key this is, as the write side knows it now. The secret is compared before anything is told
 * apart, and a key that nobody of its organization vouches for any more signs in nobody.
 */
export const apiKeyAuthentication = ({ handler, warn }: { handler: Handler; warn: (error: unknown) => void }) => {
  const uses = recordedUses(handler, warn);

  const callerOf = async (text: string, now: string): Promise<ApiKeyCaller | ApiKeyFault> => {
    const presented = readApiKey(text);
    if (!presented) return { fault: "malformed_key" };
    const { apiKeyId, secretHash } = presented;
    const { state } = await handler.stateOf(apiKey, apiKeyId);
    const isGood = isAmong(secretHash, state.status === "active" ? goodSecrets(state, now) : []);
    if (state.status !== "active") return { fault: state.status === "revoked" ? "revoked_key" : "unknown_key" };
    if (!isGood) return { fault: isPast(state.expiresAt, now) ? "expired_key" : "wrong_secret" };
    if (!(await isVouchedFor(handler, state))) return { fault: "unvouched_key" };
    uses.record(apiKeyId, state, now);
    return { apiKeyId, ...lentBy(state) };
  };

  return { callerOf, settled: uses.settled };
};

/** Who a command's actor is to the access control, where it has to be asked once more. */
export const callerBehind =
  ({ stateOf }: Pick<Handler, "stateOf">) =>
  async ({ kind, id }: Actor, organizationId: string | null): Promise<Caller> => {
    if (id === null || organizationId === null) throw new Error("whoever is let through somewhere is somebody there");
    const { state } = kind === "api_key" ? await stateOf(apiKey, id) : nobodysKey;
    // Of a key revoked since the request came in there is nothing left that it was lent: it passes nowhere.
    return state.status === "active" ? lentBy(state) : { userId: id, organizationId };
  };

const nobodysKey = { state: apiKey.initial };

const lentBy = ({ organizationId, vouchedBy, role, scopes, workspaceId }: ActiveApiKey): Caller => ({
  organizationId,
  userId: vouchedBy,
  key: { role, scopes, workspaceId },
});

const isVouchedFor = async (
  { stateOf }: Handler,
  { organizationId, vouchedBy }: Pick<ActiveApiKey, "organizationId" | "vouchedBy">,
): Promise<boolean> => {
  const [{ state: tenant }, { state: account }] = await Promise.all([
    stateOf(organization, organizationId),
    stateOf(user, vouchedBy),
  ]);
  if (account.status !== "registered") return false;
  return account.platformRole === "system_admin" || activeRole(tenant, vouchedBy) !== undefined;
};

/** Off the path of the request, which neither waits for it nor fails with it. */
const recordedUses = ({ handle }: Handler, warn: (error: unknown) => void) => {
  const underWay = new Map<string, Promise<void>>();

  const write = async (apiKeyId: string, organizationId: string, now: string): Promise<void> => {
    const requestId = randomUUID();
    const outcome = await handle(
      RecordApiKeyUse,
      { apiKeyId, organizationId },
      {
        ...{ commandId: requestId, requestId, causationId: requestId, now, organizationId },
        actor: { kind: "api_key", id: apiKeyId },
        ...{ workspaceId: null, sessionId: null, ip: null, userAgent: null },
      },
    );
    // One that was revoked meanwhile has no use to be recorded.
    if (isRejection(outcome) && outcome.rejected !== "missing") warn(outcome);
  };

  return {
    record(apiKeyId: string, { organizationId, lastUsedAt }: ActiveApiKey, now: string): void {
      if (isUseNoted(lastUsedAt, now) || underWay.has(apiKeyId)) return;
      const written = write(apiKeyId, organizationId, now).catch(warn);
      underWay.set(
        apiKeyId,
        written.finally(() => underWay.delete(apiKeyId)),
      );
    },
    /** Ends once nothing is under way. */
    settled: async (): Promise<void> => {
      await Promise.all(underWay.values());
    },
  };
};
