import { describe, expect, test } from "vitest";
import { ClaimEmail, Email, PersonName, RegisterUser, RevokeUserSessions } from "../../src/commands/accounts.ts";
import { emailClaim } from "../../src/domain/accounts/emailClaim.ts";
import { user } from "../../src/domain/accounts/user.ts";
import { type EventOf, fold } from "../../src/kernel/decider.ts";
import { accepts, given, id } from "../spec.ts";

const claimId = id("ada@example.com");
const claimed: EventOf<typeof emailClaim.events> = { type: "EmailClaimed", data: { claimId, userId: id("ada") } };
const released: EventOf<typeof emailClaim.events> = { type: "EmailReleased", data: { claimId, userId: id("ada") } };

describe("claiming an e-mail address", () => {
  test("AUTH-01: gives it to who asks first", () => {
    const claim = given(emailClaim).when(ClaimEmail, { claimId, userId: id("ada") });
    claim.then(claimed);
    claim.thenAnswers({ userId: id("ada") });
  });

  test("AUTH-01: tells the next who holds it, and leaves it there", () => {
    const claim = given(emailClaim, claimed).when(ClaimEmail, { claimId, userId: id("eve") });
    claim.thenNothing();
    claim.thenAnswers({ userId: id("ada") });
  });

  test("happens once", () =>
    given(emailClaim)
      .when(ClaimEmail, { claimId, userId: id("ada") })
      .again()
      .thenNothing());

  test("is possible again once it was released", () =>
    given(emailClaim, claimed, released)
      .when(ClaimEmail, { claimId, userId: id("eve") })
      .then({ type: "EmailClaimed", data: { claimId, userId: id("eve") } }));
});

const account = {
  userId: id("ada"),
  organizationId: id("acme"),
  email: "ada@example.com",
  name: "Ada",
  passwordHash: "$2b$12$fixed",
};
const registered: EventOf<typeof user.events> = { type: "UserRegistered", data: account };
const revoked: EventOf<typeof user.events> = { type: "UserSessionsRevoked", data: { userId: id("ada") } };

describe("registering", () => {
  test("AUTH-01: is recorded with the hash of the password", () =>
    given(user).when(RegisterUser, account).then(registered));

  test("AUTH-02: is answered without it", () =>
    given(user)
      .when(RegisterUser, account)
      .thenAnswers({
        id: id("ada"),
        email: "ada@example.com",
        name: "Ada",
        organizationId: id("acme"),
      }));

  test("AUTH-01: is refused for an address that has an account", () =>
    given(user).when(RegisterUser, account).again().thenRefused("conflict", "EMAIL_TAKEN"));
});

describe("revoking all sessions of a user", () => {
  const revoke = { userId: id("ada") };

  test("AUTH-12: is recorded", () => given(user, registered).when(RevokeUserSessions, revoke).then(revoked));
  test("answers nothing", () => given(user, registered).when(RevokeUserSessions, revoke).thenAnswers(null));

  test("AUTH-12: a second time it ends those that started since", () => {
    given(user, registered).when(RevokeUserSessions, revoke).again().then(revoked);
    expect(fold(user, [registered, revoked, revoked])).toMatchObject({ sessionEpoch: 2 });
  });

  test("of nobody changes nothing", () => given(user).when(RevokeUserSessions, revoke).thenNothing());
});

describe("an e-mail address", () => {
  test.each([
    ["ADA@Example.COM", "ada@example.com"],
    ["  ada@example.com ", "ada@example.com"],
    ["ada+news@example.com", "ada+news@example.com"],
  ])("AUTH-01: %s is %s", (written, meant) => expect(Email.parse(written)).toBe(meant));

  test.each([
    ["empty", ""],
    ["without a domain", "ada@"],
    ["with a NUL", "ada\0@example.com"],
    ["with half a character", "ada\ud83d@example.com"],
    ["with a line break", "ada@example.com\nbcc:eve@example.com"],
    ["longer than mail allows", `${"a".repeat(250)}@example.com`],
  ])("%s is none", (_, address) => expect(Email.safeParse(address).success).toBe(false));
});

test("a person's name has 1 to 100 characters", () => {
  expect(PersonName.safeParse("Ada Lovelace").success).toBe(true);
  expect(PersonName.safeParse("").success).toBe(false);
  expect(PersonName.safeParse("a".repeat(101)).success).toBe(false);
  expect(accepts(RegisterUser, { ...account, name: "Ada\0" })).toBe(false);
});
