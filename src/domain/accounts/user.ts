import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { personal } from "../../kernel/personal.ts";

const ofUser = { subject: "userId" } as const;

/** lowest first. */
export const PlatformRole = z.enum(["user", "system_admin"]);
type PlatformRole = z.output<typeof PlatformRole>;

const events = {
  UserRegistered: event(
    z.object({
      userId: z.uuid(),
      organizationId: z.uuid(),
      email: personal(z.email(), { ...ofUser, erased: "erased@erased.invalid" }),
      name: personal(z.string(), { ...ofUser, erased: "erased" }),
      passwordHash: personal(z.string(), { ...ofUser, erased: "" }),
    }),
  ),
  UserSessionsRevoked: event(z.object({ userId: z.uuid() })),
  UserPlatformRoleChanged: event(z.object({ userId: z.uuid(), role: PlatformRole })),
};

/** `sessionEpoch` counts revocations: a session that started in an earlier epoch has ended. */
type User =
  | { status: "unregistered" }
  | {
      status: "registered";
      organizationId: string;
      passwordHash: string;
      sessionEpoch: number;
      platformRole: PlatformRole;
    };

export const user: Aggregate<typeof events, User> = {
  category: "user",
  events,
  initial: { status: "unregistered" },
  evolve: {
    UserRegistered: (_, { organizationId, passwordHash }) => ({
      status: "registered",
      organizationId,
      passwordHash,
      sessionEpoch: 0,
      platformRole: "user",
    }),
    UserSessionsRevoked: (account) =>
      account.status === "registered" ? { ...account, sessionEpoch: account.sessionEpoch + 1 } : account,
    UserPlatformRoleChanged: (account, { role }) =>
      account.status === "registered" ? { ...account, platformRole: role } : account,
  },
};
