import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { aggregates } from "../../src/domain/aggregates.ts";
import type { EventDefs } from "../../src/kernel/decider.ts";
import { derivedId } from "../../src/kernel/ids.ts";
import { personal, personalFields } from "../../src/kernel/personal.ts";
import { text } from "../../src/kernel/text.ts";

describe("text", () => {
  const accepted = (value: unknown) => text(10).safeParse(value).success;

  test("has 1 to as many characters as it may", () =>
    expect(["", "a", "a".repeat(10), "a".repeat(11)].map(accepted)).toEqual([false, true, true, false]));

  test("has no NUL and no half of a character", () =>
    expect(["a\0b", "\0", "a\ud83d", "\ude00a", "a\ude00\ud83d"].filter(accepted)).toEqual([]));

  test("may be in any script", () =>
    expect(["Ærøskøbing", "日本語", "🎩🐇", "a\nb\tc", "__proto__"].filter((value) => !accepted(value))).toEqual([]));

  test("whatever is accepted survives a UTF-8 round trip", () =>
    fc.assert(
      fc.property(fc.string({ unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)) }), (value) => {
        if (accepted(value)) expect(Buffer.from(value, "utf8").toString("utf8")).toBe(value);
      }),
      { numRuns: 1000 },
    ));
});

describe("a derived id", () => {
  const part = fc.oneof(fc.string(), fc.integer());

  test("is a UUID of RFC 9562, version 8", () =>
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const derived = derivedId(...parts);
        expect(z.uuid().safeParse(derived).success).toBe(true);
        expect(derived).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
      { numRuns: 500 },
    ));

  test("is the same in every process and every year", () =>
    expect(derivedId("command", "workspace")).toBe("46a22cbe-57c5-8595-ab77-24fafb441a62"));

  test("differs where a part differs", () =>
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), fc.nat(), fc.nat(), (one, other, index, next) => {
        expect(derivedId(one, index) === derivedId(other, next)).toBe(one === other && index === next);
      }),
      { numRuns: 500 },
    ));
});

describe("personal data", () => {
  test("is found by its marks, a nullable field's too", () => {
    const schema = z.object({
      userId: z.uuid(),
      name: personal(z.string(), { subject: "userId", erased: "erased" }),
      phone: personal(z.string().nullable(), { subject: "userId", scope: "teamId", erased: null }),
    });
    expect(Object.fromEntries(personalFields(schema))).toEqual({
      name: { subject: "userId", erased: "erased" },
      phone: { subject: "userId", scope: "teamId", erased: null },
    });
  });

  test("ES-02: these fields are never stored in clear", () => {
    const marked = aggregates.flatMap(({ events }: { events: EventDefs }) =>
      Object.entries(events).flatMap(([type, { schema }]) =>
        [...personalFields(schema)].map(([field, { subject, scope }]) =>
          [`${type}.${field} of ${subject}`, ...(scope ? [`in ${scope}`] : [])].join(" "),
        ),
      ),
    );
    expect(marked).toEqual([
      "UserRegistered.email of userId",
      "UserRegistered.name of userId",
      "UserRegistered.passwordHash of userId",
      "MemberInvited.email of invitationId",
      "InvitationIssued.email of invitationId",
      "CredentialStored.key of credentialId in workspaceId",
      "CredentialStored.secret of credentialId in workspaceId",
    ]);
  });

  test.each(
    aggregates.flatMap(({ events }: { events: EventDefs }) =>
      Object.entries(events).flatMap(([type, { schema }]) =>
        [...personalFields(schema)].map(([field, mark]) => ({ type, field, mark, shape: schema.shape })),
      ),
    ),
  )(
    "ES-02: $type.$field can be read once it is erased, and says in the event whose it is",
    ({ field, mark, shape }) => {
      expect(shape[field].safeParse(mark.erased).success).toBe(true);
      expect(Object.keys(shape)).toEqual(expect.arrayContaining([mark.subject, mark.scope ?? mark.subject]));
    },
  );
});
