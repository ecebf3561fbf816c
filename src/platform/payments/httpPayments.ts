import { setTimeout as pause } from "node:timers/promises";
import { Unavailable } from "../unavailable.ts";
import { type ChargeAnswer, readAnswer } from "./chargeAnswer.ts";
import { AddressClosed, type Destination, guardedPost, type Resolve } from "./guardedPost.ts";
import type { ChargeRequest, PaymentProvider } from "./provider.ts";
import { signatureOf } from "./signature.ts";

const ATTEMPTS_MAX = 4;
const ATTEMPT_TIMEOUT_MS = 6_000;
/** A process that stops waits for as long, and whoever asks for payments has patience of their own. */
const CALL_TIMEOUT_MS = 20_000;
const BACKOFF_MIN_MS = 250;
/** An endpoint that wants to be left alone for longer is believed to have meant something else. */
const RETRY_AFTER_SECONDS_MAX = 3_600;

/** The provider was not reached, or did not say what came of it. It may have charged: ask with the same id again. */
class PaymentsUnavailable extends Unavailable {
  override readonly name = "PaymentsUnavailable";
  override readonly retryAfterSeconds: number;

  constructor(message: string, { retryAfterMs, cause }: { retryAfterMs: number; cause?: unknown }) {
    super(message, { cause });
    this.retryAfterSeconds = Math.min(RETRY_AFTER_SECONDS_MAX, Math.max(1, Math.ceil(retryAfterMs / 1_000)));
  }
}

/** What only the operator can put right. It says nothing of the payment: it is neither made nor declined. */
export class PaymentSetupError extends Error {
  override readonly name = "PaymentSetupError";
}

export type HttpPaymentsOptions = {
  readonly url: string;
  /** Signs every call (HMAC-SHA-256). */
  readonly secret: string;
  /** Whether the URL may lead into private networks and to this machine, and begin with http:// */
  readonly allowPrivateAddresses: boolean;
  /** Bounds one attempt, from looking up the name to the last byte of the answer. */
  readonly timeoutMs?: number;
  /** Bounds all attempts and the pauses between them. */
  readonly callTimeoutMs?: number;
  readonly backoffMinMs?: number;
  readonly certificateAuthority?: string;
  readonly resolve?: Resolve;
  readonly now?: () => number;
};

type Endpoint = {
  readonly destination: Destination;
  readonly secret: string;
  readonly now: () => number;
};

/**
 * Asks a URL for each charge; `docs/payments.md` is the contract. What is not known after a few attempts is
 * `PaymentsUnavailable`; an endpoint that cannot be asked in this way is a `PaymentSetupError`.
 */
export const httpPayments = ({
  url,
  secret,
  timeoutMs = ATTEMPT_TIMEOUT_MS,
  callTimeoutMs = CALL_TIMEOUT_MS,
  backoffMinMs = BACKOFF_MIN_MS,
  now = Date.now,
  ...destination
}: HttpPaymentsOptions): PaymentProvider => {
  const endpoint = { destination: { ...destination, url: new URL(url) }, secret, now };
  assertScheme(endpoint.destination);

  const charge: PaymentProvider["charge"] = async (request) => {
    const endsAt = performance.now() + callTimeoutMs;
    const leftMs = () => Math.max(0, endsAt - performance.now());
    for (let attempt = 1; ; attempt += 1) {
      const answer = await attemptCharge(endpoint, request, Math.min(timeoutMs, leftMs()));
      if (answer.outcome === "refused") throw new PaymentSetupError(`${hostOf(endpoint)} ${answer.says}`);
      if (answer.outcome !== "unknown") return answer;
      const waitMs = Math.max(answer.retryAfterMs, backoffMs(attempt, backoffMinMs));
      if (attempt === ATTEMPTS_MAX || waitMs >= leftMs()) {
        throw new PaymentsUnavailable(`${hostOf(endpoint)} ${answer.says}`, answer);
      }
      await pause(waitMs);
    }
  };
  return { charge };
};

const assertScheme = ({ url: { protocol }, allowPrivateAddresses }: Destination): void => {
  if (protocol === "https:" || (protocol === "http:" && allowPrivateAddresses)) return;
  throw new PaymentSetupError(`payments are asked for over https, not over ${protocol.slice(0, -1)}`);
};

/** Half of it is left to chance, so that those who failed together do not come back together. */
const backoffMs = (attempt: number, minMs: number): number => minMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);

/** The path and the query of the URL may hold a secret of the receiver's: errors name the host alone. */
const hostOf = ({ destination }: Endpoint): string => `the payment endpoint ${destination.url.host}`;

const attemptCharge = async (endpoint: Endpoint, request: ChargeRequest, timeoutMs: number): Promise<ChargeAnswer> => {
  const signal = AbortSignal.timeout(Math.ceil(timeoutMs));
  try {
    const answer = await guardedPost(endpoint.destination, { ...messageOf(endpoint, request), signal });
    return readAnswer(answer, endpoint.now());
  } catch (cause) {
    if (cause instanceof AddressClosed) return { outcome: "refused", says: `is not called: ${cause.message}` };
    const says = signal.aborted ? "did not answer in time" : "could not be asked, or broke off its answer";
    return { outcome: "unknown", says, retryAfterMs: 0, cause };
  }
};

/** Signed anew for each attempt, because a receiver takes no old signatures; the key and the body stay the same. */
const messageOf = ({ secret, now }: Endpoint, request: ChargeRequest) => {
  const { rechargeId, workspaceId, organizationId, amount } = request;
  const body = JSON.stringify({ rechargeId, workspaceId, organizationId, amount });
  const headers = {
    Accept: "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "Everfold-Signature": signatureOf(body, { secret, now: now() }),
    "Idempotency-Key": rechargeId,
    "User-Agent": "Everfold",
  };
  return { headers, body };
};
