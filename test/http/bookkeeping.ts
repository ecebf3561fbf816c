import { randomUUID } from "node:crypto";
import { newLedger } from "../properties/ledger.ts";
import { type Answer, client, type SignedIn, signedIn } from "../support/client.ts";
import { installation } from "../support/everfold.ts";

/** An Everfold, and Ada, who owns every ledger that is opened on it. */
export const bookkeeping = async (stack: AsyncDisposableStack, settings: Readonly<Record<string, string>> = {}) => {
  const on = await installation(stack);
  const { url, routes } = await on.everfold(settings);
  const api = client(url);
  const ada: SignedIn = await signedIn(api);
  const asAda = { token: ada.accessToken };
  return { on, url, routes, api, ada, asAda, opened: (credits = 0) => newLedger(api, ada, credits) };
};
export type Bookkeeping = Awaited<ReturnType<typeof bookkeeping>>;

export const keyed = (key: string = randomUUID()) => ({ "idempotency-key": key });
/** What became of a request, without what is said about it. */
export const outcomeOf = ({ status, body }: Answer) => [status, body.error?.code ?? null];
