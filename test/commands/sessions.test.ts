import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EndSession, RotateRefreshToken, StartSession, sessionStanding } from "../../src/commands/sessions.ts";
import { session } from "../../src/domain/accounts/session.ts";
import { user } from "../../src/domain/accounts/user.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { accepts, at, facts, given, id, streams } from "../spec.ts";

type SessionEvent = EventOf<typeof session.events>;
type UserEvent = EventOf<typeof user.events>;

const sessionId = id("session");
const userId = id("ada");
const organizationId = id("acme");

/** Stands for the SHA-256 of a refresh token. */
const hash = (n: number): string => n.toString(16).padStart(64, "0");
const [expiry, laterExpiry] = ["2026-03-08T09:00:00.000Z", "2026-03-09T09:00:00.000Z"];

const started: SessionEvent = {
  type: "SessionStarted",
  data: { sessionId, userId, organizationId, sessionEpoch: 0, refreshTokenHash: hash(1), refreshExpiresAt: expiry },
};
const rotated = (from: number, to: number): SessionEvent => ({
  type: "RefreshTokenRotated",
  data: {
    sessionId,
    userId,
    sessionEpoch: 0,
    replacedHash: hash(from),
    refreshTokenHash: hash(to),
    refreshExpiresAt: laterExpiry,
  },
});
const ended = (newest: number): SessionEvent => ({
  type: "SessionEnded",
  data: { sessionId, userId, refreshTokenHash: hash(newest) },
});
const rotate = (from: number, to: number) => ({
  sessionId,
  presentedHash: hash(from),
  refreshTokenHash: hash(to),
  refreshExpiresAt: laterExpiry,
});

describe("starting a session", () => {
  test("AUTH-10: is recorded with the token's hash and expiry", () =>
    given(session).when(StartSession, started.data).then(started));

  test("answers with whose it is", () =>
    given(session).when(StartSession, started.data).thenAnswers({ userId, organizationId }));

  test("happens once, also when it has ended", () => {
    given(session).when(StartSession, started.data).again().thenRefused("conflict", "SESSION_EXISTS");
    given(session, started, ended(1)).when(StartSession, started.data).thenRefused("conflict", "SESSION_EXISTS");
  });

  test("takes a hash and nothing that could be a token", () =>
    expect(accepts(StartSession, { ...started.data, refreshTokenHash: "a-token-in-clear" })).toBe(false));
});

describe("rotating the refresh token", () => {
  test("AUTH-09: puts a new one in the place of the newest", () =>
    given(session, started).when(RotateRefreshToken, rotate(1, 2)).then(rotated(1, 2)));

  test("AUTH-09: answers with whose session it is", () =>
    given(session, started).when(RotateRefreshToken, rotate(1, 2)).thenAnswers({ userId, organizationId }));

  test("AUTH-09: the one replaced is refused, the new one is not", () => {
    given(session, started)
      .when(RotateRefreshToken, rotate(1, 2))
      .again()
      .thenRefused("unauthenticated", "INVALID_REFRESH_TOKEN");
    given(session, started, rotated(1, 2)).when(RotateRefreshToken, rotate(2, 3)).then(rotated(2, 3));
  });

  test("AUTH-09: a refused one does not end the session", () => {
    given(session, started, rotated(1, 2))
      .when(RotateRefreshToken, rotate(1, 3))
      .thenRefused("unauthenticated", "INVALID_REFRESH_TOKEN");
    given(session, started, rotated(1, 2)).when(RotateRefreshToken, rotate(2, 3)).then(rotated(2, 3));
  });

  test("AUTH-10: is refused from the moment the token expires", () => {
    const begun = given(session, started);
    begun.when(RotateRefreshToken, rotate(1, 2), at("2026-03-08T08:59:59.999Z")).then(rotated(1, 2));
    begun.when(RotateRefreshToken, rotate(1, 2), at(expiry)).thenRefused("unauthenticated", "INVALID_REFRESH_TOKEN");
  });

  test("AUTH-10: expiry is a time, not a text: it may be written to the second or to the millisecond", () => {
    const expiresAt = (refreshExpiresAt: string) =>
      given(session, { type: "SessionStarted", data: { ...started.data, refreshExpiresAt } });
    expiresAt("2026-03-08T09:00:00Z")
      .when(RotateRefreshToken, rotate(1, 2), at("2026-03-08T09:00:00.500Z"))
      .thenRefused("unauthenticated", "INVALID_REFRESH_TOKEN");
  });

  test.each([
    ["never started", []],
    ["ended", [started, ended(1)]],
  ] as const)("AUTH-11: is refused in a session that %s", (_, history) =>
    given(session, ...history)
      .when(RotateRefreshToken, rotate(1, 2))
      .thenRefused("unauthenticated", "INVALID_REFRESH_TOKEN"),
  );

  test("AUTH-09: only the newest token rotates, whichever are presented in whatever order", () =>
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 6 }), { maxLength: 30 }), (presented) => {
        let [state, newest, issued] = [fold(session, [started]), 1, 1];
        for (const token of presented) {
          const decision = RotateRefreshToken.decide(rotate(token, issued + 1), state, facts);
          expect(isRejection(decision)).toBe(token !== newest);
          if (isRejection(decision)) continue;
          state = fold(session, decision, state);
          issued += 1;
          newest = issued;
        }
      }),
      { numRuns: 300 },
    ));
});

describe("ending a session", () => {
  test("AUTH-11: is recorded with the token that dies with it", () =>
    given(session, started, rotated(1, 2)).when(EndSession, { sessionId }).then(ended(2)));
  test("answers nothing", () => given(session, started).when(EndSession, { sessionId }).thenAnswers(null));
  test("happens once", () => given(session, started).when(EndSession, { sessionId }).again().thenNothing());
  test("that never started changes nothing", () => given(session).when(EndSession, { sessionId }).thenNothing());
});

describe("whether a session may still act", () => {
  const registered: UserEvent = {
    type: "UserRegistered",
    data: { userId, organizationId, email: "ada@example.com", name: "Ada", passwordHash: "$2b$…" },
  };
  const revoked: UserEvent = { type: "UserSessionsRevoked", data: { userId } };
  const inEpoch = (sessionEpoch: number): SessionEvent => ({
    type: "SessionStarted",
    data: { ...started.data, sessionEpoch },
  });

  test.each<[string, "active" | "ended", SessionEvent[], UserEvent[]]>([
    ["when it has started", "active", [started], [registered]],
    ["whichever token is its newest", "active", [started, rotated(1, 2)], [registered]],
    ["AUTH-11: once it has ended", "ended", [started, ended(1)], [registered]],
    ["when it never started", "ended", [], [registered]],
    ["AUTH-12: once all of its user's were revoked", "ended", [started], [registered, revoked]],
    ["AUTH-12: when it started after that", "active", [inEpoch(1)], [registered, revoked]],
    ["AUTH-12: until the next time", "ended", [inEpoch(1)], [registered, revoked, revoked]],
    ["when its user does not exist", "ended", [started], []],
  ])("%s: %s", async (_, standing, sessions, users) => {
    const store = streams([session, sessionId, sessions], [user, userId, users]);
    expect(await sessionStanding(store)({ sessionId, userId })).toBe(standing);
  });

  test("never for another user than its own", async () => {
    const store = streams([session, sessionId, [started]], [user, id("eve"), [registered]]);
    expect(await sessionStanding(store)({ sessionId, userId: id("eve") })).toBe("ended");
  });
});
