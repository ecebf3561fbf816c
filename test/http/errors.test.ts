import { describe, expect, it } from "vitest";
import { failureOf, failureOfRejection, invalid, refused } from "../../src/http/errors.ts";
import { type RejectionKind, reject } from "../../src/kernel/rejection.ts";
import { DatabaseUnavailable } from "../../src/platform/postgres.ts";

describe("what an error means to a client", () => {
  it("FND-05: each kind of refusal has its status", () => {
    const expected: Record<RejectionKind, number> = {
      invalid: 400,
      unauthenticated: 401,
      insufficient: 402,
      forbidden: 403,
      missing: 404,
      conflict: 409,
      gone: 410,
      precondition: 412,
      unprocessable: 422,
      limited: 429,
    };
    for (const [kind, status] of Object.entries(expected) as [RejectionKind, number][])
      expect(failureOfRejection(reject(kind, "SOME_CODE", "Because.", { why: 1 }))).toMatchObject({
        status,
        code: "SOME_CODE",
        message: "Because.",
        details: { why: 1 },
      });
  });

  it("a refusal that was thrown says what one that was returned says", () => {
    const rejection = reject("conflict", "CONTENTION", "Try again.");
    expect(failureOf(refused(rejection))).toEqual(failureOfRejection(rejection));
    expect(failureOf(invalid([{ path: "amount", message: "too much" }]))).toMatchObject({ status: 400 });
  });

  it("FND-05, FND-07: whatever is unknown is 500 and says nothing", () => {
    const secret = "select * from users";
    const unknown = [new Error(secret), new TypeError(secret), secret, null, undefined, { statusCode: 700, code: 5 }];
    for (const error of unknown)
      expect(failureOf(error)).toEqual({
        status: 500,
        code: "INTERNAL",
        message: "Something went wrong on our side.",
        details: {},
      });
  });

  it("the framework's refusals keep their status and lose their words", () => {
    const gone = failureOf(Object.assign(new Error('quoted: "hunter2"'), { statusCode: 410 }));
    expect(gone).toMatchObject({ status: 410, code: "BAD_REQUEST" });
    expect(JSON.stringify(gone)).not.toContain("hunter2");
  });

  it("a backend that is away is 503, to be asked again", () => {
    expect(failureOf(new DatabaseUnavailable("10.0.0.1"))).toEqual({
      status: 503,
      code: "BACKEND_UNAVAILABLE",
      message: "The service cannot answer this right now; try again.",
      details: {},
      retryAfterSeconds: 1,
    });
  });
});
