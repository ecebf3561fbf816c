import { z } from "zod";
import { emailClaim } from "../domain/accounts/emailClaim.ts";
import { PlatformRole, user } from "../domain/accounts/user.ts";
import { command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { text } from "../kernel/text.ts";
import type { Handler } from "./handler.ts";

const emailLengthMax = 254;
/** AUTH-01: addresses that differ in case alone are one address. */
export const Email = z
  .string()
  .max(emailLengthMax)
  .transform((address) => address.trim().normalize("NFC").toLowerCase())
  .pipe(z.email());
export const PersonName = text(100);

/** Answers with the account that holds the address, whoever that is: an account that was never finished is resumed. */
export const ClaimEmail = command(emailClaim, {
  name: "ClaimEmail",
  permission: "public",
  input: z.object({ claimId: z.uuid(), userId: z.uuid() }),
  output: z.object({ userId: z.uuid() }),
  stream: ({ claimId }) => claimId,
  decide: (claimed, claim) => (claim.status === "free" ? [{ type: "EmailClaimed", data: claimed }] : []),
  answer: ({ state, input }) => ({ userId: state.status === "held" ? state.userId : input.userId }),
});

export const RegisterUser = command(user, {
  name: "RegisterUser",
  permission: "public",
  input: z.object({
    userId: z.uuid(),
    organizationId: z.uuid(),
    email: z.email(),
    name: PersonName,
    passwordHash: z.string(),
  }),
  output: z.object({ id: z.uuid(), email: z.email(), name: z.string(), organizationId: z.uuid() }),
  stream: ({ userId }) => userId,
  decide: (registered, account) =>
    account.status === "registered" ? emailTaken() : [{ type: "UserRegistered", data: registered }],
  answer: ({ input: { userId, email, name, organizationId } }) => ({ id: userId, email, name, organizationId }),
});

/** AUTH-12: ends every session of the user at once; there is no list of them that could be incomplete. */
export const RevokeUserSessions = command(user, {
  name: "RevokeUserSessions",
  permission: "account:write",
  input: z.object({ userId: z.uuid() }),
  output: z.null(),
  stream: ({ userId }) => userId,
  decide: ({ userId }, account) =>
    account.status === "registered" ? [{ type: "UserSessionsRevoked", data: { userId } }] : [],
  answer: () => null,
});

/** given and taken on the machine alone, which is how an installation comes to its first system admin. */
export const SetPlatformRole = command(user, {
  name: "SetPlatformRole",
  permission: "platform:admin",
  input: z.object({ userId: z.uuid(), role: PlatformRole }),
  output: z.null(),
  stream: ({ userId }) => userId,
  decide: ({ userId, role }, account) => {
    if (account.status !== "registered") return reject("missing", "RESOURCE_NOT_FOUND", "There is no such account.");
    return account.platformRole === role ? [] : [{ type: "UserPlatformRoleChanged", data: { userId, role } }];
  },
  answer: () => null,
});

/** Whose address it is, by the id of its claim: nobody's until the account is finished. */
export const registeredUser = async (
  { stateOf }: Pick<Handler, "stateOf">,
  emailClaimId: string,
): Promise<string | undefined> => {
  const { state: claim } = await stateOf(emailClaim, emailClaimId);
  if (claim.status !== "held") return undefined;
  const { state: account } = await stateOf(user, claim.userId);
  return account.status === "registered" ? claim.userId : undefined;
};

export const emailTaken = (): Rejection =>
  reject("conflict", "EMAIL_TAKEN", "There is an account with this e-mail address.");
