import { STATUS_CODES } from "node:http";
import { z } from "zod";

/** What a client is told about a request that was not served. `details` never holds anything but what it may know. */
export type Failure = {
  status: number;
  /** Stable UPPER_SNAKE word; clients match on it and never on the message. */
  code: string;
  message: string;
  details: unknown;
  retryAfterSeconds?: number;
};

type Meta = Readonly<Record<string, unknown>>;

export const success = (data: unknown, meta: Meta = {}) => ({ success: true, data, error: null, meta });

export const failed = ({ code, message, details }: Failure, requestId: string) => ({
  success: false,
  data: null,
  error: { code, message, details },
  meta: { requestId },
});

/** RFC 9457, for clients that ask for `application/problem+json`. */
export const problem = ({ status, code, message, details }: Failure, requestId: string) => ({
  type: `urn:everfold:problem:${code.toLowerCase().replaceAll("_", "-")}`,
  title: STATUS_CODES[status] ?? "Error",
  status,
  detail: message,
  instance: `urn:uuid:${requestId}`,
  code,
  details,
});

export const Empty = z.object({});
export const Positioned = z.object({ position: z.string().describe("Commit position: send it as X-Event-Position") });

/** The schema of an answer, as OpenAPI shows it and as the serializer lets it out: no field more. */
export const Success = (data: z.ZodType, meta: z.ZodObject) =>
  z.object({ success: z.literal(true), data, error: z.null(), meta });

export const Failed = z
  .object({
    success: z.literal(false),
    data: z.null(),
    error: z.object({ code: z.string(), message: z.string(), details: z.unknown() }),
    meta: z.object({ requestId: z.uuid() }),
  })
  .meta({ id: "Failure", description: "Why the request was refused: clients match on `code`." });
