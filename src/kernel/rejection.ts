/** A refusal the caller can act on. A bug throws instead. */
export type Rejection = {
  rejected: RejectionKind;
  /** Stable UPPER_SNAKE word; clients match on it and never on the message. */
  code: string;
  message: string;
  details: Readonly<Record<string, unknown>>;
  /** Of the last event that was written before it came to this, where any was: what was taken, and given back. */
  position?: bigint;
};

export type RejectionKind =
  | "invalid"
  | "unauthenticated"
  | "insufficient"
  | "forbidden"
  | "missing"
  | "gone"
  | "conflict"
  | "precondition"
  | "unprocessable"
  | "limited";

export const reject = (
  rejected: RejectionKind,
  code: string,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): Rejection => ({ rejected, code, message, details });

export const isRejection = (outcome: object): outcome is Rejection => "rejected" in outcome;
