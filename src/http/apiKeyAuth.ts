import type { IncomingHttpHeaders } from "node:http";
import { apiKeyPrefix } from "../commands/apiKeyText.ts";
import type { Caller, Ports } from "./ports.ts";

/** How a request says who sends it; never in its URL, which ends up in logs and histories. */
type Presented = { token: string | undefined; headers: IncomingHttpHeaders };

/** KEY-01: as X-API-Key or as Bearer, and not beside something else that says who asks. */
export const presentedApiKey = ({ token, headers }: Presented): string | undefined => {
  const { "x-api-key": key } = headers;
  if (key !== undefined) return headers.authorization === undefined ? String(key) : "";
  return token?.startsWith(apiKeyPrefix) ? token : undefined;
};

/** KEY-02: the key acts as itself; what its voucher may see bounds what it is shown. */
export const apiKeyCaller = async (
  { apiKeys, now }: Pick<Ports, "apiKeys" | "now">,
  presented: string,
): Promise<Caller | { fault: string }> => {
  const known = await apiKeys.callerOf(presented, now());
  if ("fault" in known) return known;
  const { apiKeyId, ...caller } = known;
  return { ...caller, actor: { kind: "api_key", id: apiKeyId }, sessionId: null };
};
