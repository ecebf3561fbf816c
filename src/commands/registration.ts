import { z } from "zod";
import { user } from "../domain/accounts/user.ts";
import type { PlanType } from "../domain/tenancy/plans.ts";
import { slugOf } from "../domain/tenancy/slugClaim.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { ClaimEmail, Email, emailTaken, PersonName, RegisterUser } from "./accounts.ts";
import { type BlindIndex, claimName, claimSlug } from "./claims.ts";
import { unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { operation } from "./operation.ts";
import { CreateOrganization } from "./organizations.ts";

const passwordLengthMin = 8;
const passwordLengthMax = 128;
/** Half a surrogate pair has no UTF-8 of its own: passwords that differ in nothing else would be equal (AUTH-02). */
export const Password = z
  .string()
  .min(passwordLengthMin)
  .max(passwordLengthMax)
  .refine((password) => password.isWellFormed(), "must be well-formed text");

type Services = {
  handler: Handler;
  blindIndex: BlindIndex;
  /** Of the organizations that registering makes. */
  plan: PlanType;
  hashPassword: (password: string) => Promise<string>;
  passwordMatches: (password: string, hash: string | undefined) => Promise<boolean>;
};

/**
 * AUTH-01, R-05: an account with its personal organization. The address is claimed first and the user's own event is
 * written last: until then there is no account, and registering again with the same address takes up the claim.
 */
export const registration = ({ handler, blindIndex, plan, hashPassword, passwordMatches }: Services) =>
  operation({
    name: "Register",
    permission: "public",
    input: z.object({ email: Email, password: Password, name: PersonName }),
    output: RegisterUser.output,
    execute: async ({ email, password, name }, sent) => {
      const context = unconditional(sent);
      const claimId = blindIndex("email", email);
      const claim = await handler.handle(
        ClaimEmail,
        { claimId, userId: derivedId(context.commandId, claimId, "user") },
        context,
      );
      if (isRejection(claim)) return claim;

      const { userId } = claim.answer;
      const organizationId = derivedId(userId, "personal-organization");
      const asUser = { ...context, actor: { kind: "user", id: userId } as const, organizationId };
      const slug = await claimSlug(handler, blindIndex)(
        {
          kind: "organization",
          stem: slugOf(`personal-${organizationId.slice(0, 8)}`, "personal"),
          ownerId: organizationId,
        },
        asUser,
      );
      if (typeof slug !== "string") return slug;
      // The name is not the person's: organizations outlive the erasure of who created them.
      const named = { name: "Personal", createdBy: userId, organizationId };
      const held = await claimName(handler, blindIndex)(named, asUser);
      if (isRejection(held)) return held;
      const personal = { ...named, nameClaim: held.nameClaim, slug, isPersonal: true, plan };
      const created = await handler.handle(CreateOrganization, personal, asUser);
      if (isRejection(created)) return created;

      const passwordHash = await hashPassword(password);
      // Hashed anew in every attempt; and of the password itself nothing but the slow hash is ever to be kept.
      const repeatable = { ...asUser, preparedFrom: { email, name } };
      const wanted = { userId, organizationId, email, name, passwordHash };
      const registered = await handler.handle(RegisterUser, wanted, repeatable);
      if (isRejection(registered) || !registered.replayed) return registered;
      // Who sends another password has not registered with this one: a first answer would say that they had.
      const { state } = await handler.stateOf(user, userId);
      const isSame = state.status === "registered" && (await passwordMatches(password, state.passwordHash));
      return isSame ? registered : emailTaken();
    },
  });
