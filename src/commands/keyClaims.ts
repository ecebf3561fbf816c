import { z } from "zod";
import { keyClaim } from "../domain/tenancy/keyClaim.ts";
import { command } from "../kernel/decider.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import { KeyHolding, type Resource } from "../kernel/resource.ts";
import type { BlindIndex } from "./claims.ts";
import type { CommandContext, Handler } from "./handler.ts";

const Claim = KeyHolding.extend({ organizationId: z.uuid(), holderId: z.uuid() });

/** Answers with who holds it then. Another's claim gives way where it is the one that was found to be let go of. */
const ClaimKey = command(keyClaim, {
  name: "ClaimKey",
  permission: "account:write",
  input: Claim.extend({ letGo: z.uuid().nullable() }),
  output: Claim.pick({ holderId: true, claiming: true }),
  stream: ({ claimId }) => claimId,
  decide: ({ letGo, ...claimed }, claim) => {
    const isOpen = claim.status === "free" || claim.claiming === letGo;
    const isAnother =
      claim.status === "held" && claim.holderId === claimed.holderId && claim.claiming !== claimed.claiming;
    return isOpen || isAnother ? [{ type: "KeyClaimed", data: claimed }] : [];
  },
  answer: ({ state }) => {
    if (state.status !== "held") throw new Error("a key that was claimed is held");
    return { holderId: state.holderId, claiming: state.claiming };
  },
});

/** Of this claiming alone: what was to be done with the key was refused. */
export const ReleaseKey = command(keyClaim, {
  name: "ReleaseKey",
  permission: "account:write",
  input: Claim,
  output: z.null(),
  stream: ({ claimId }) => claimId,
  decide: (released, claim) =>
    claim.status === "held" && claim.holderId === released.holderId && claim.claiming === released.claiming
      ? [{ type: "KeyReleased", data: released }]
      : [],
  answer: () => null,
});

type Writing = Pick<Handler, "handle" | "stateOf">;
type Wanted = { claimId: string; holderId: string; organizationId: string };
type Held = { holderId: string; claim: KeyHolding };

/** Keys that differ in case or in their way of being written alone are one key. */
export const keyClaimId = (blindIndex: BlindIndex, { kind }: Resource, scopeId: string, key: string): string =>
  blindIndex("name", `${kind}/${scopeId}/${key.normalize("NFKC").trim().toLowerCase()}`);

/**
 * PLAN-05: a key that its last holder has let go of is taken over. One that was claimed for an item which was never
 * made, because a process ended in between, is answered with that item's id: to be made now.
 */
export const claimKey =
  (handler: Writing, resource: Resource) =>
  async ({ claimId, holderId, organizationId }: Wanted, context: CommandContext): Promise<Held | Rejection> => {
    const wanted = { claimId, claiming: context.commandId, organizationId, holderId };
    const claimed = await handler.handle(ClaimKey, { ...wanted, letGo: null }, context);
    if (isRejection(claimed)) return claimed;
    const { answer: last } = claimed;
    const held = { holderId: last.holderId, claim: { claimId, claiming: last.claiming } };
    if (last.holderId === holderId) return held;

    const { state } = await handler.stateOf(resource.on, last.holderId);
    if (state.status === "absent") return held;
    if (!state.item.lettingGo.includes(last.claiming)) return keyTaken(resource);
    const again = { ...context, commandId: derivedId(context.commandId, "take-over") };
    const taken = await handler.handle(ClaimKey, { ...wanted, letGo: last.claiming }, again);
    if (isRejection(taken)) return taken;
    if (taken.answer.holderId !== holderId) return keyTaken(resource);
    return { holderId, claim: { claimId, claiming: taken.answer.claiming } };
  };

export const keyTaken = ({ unique }: Resource): Rejection =>
  reject("conflict", "KEY_TAKEN", "Another one has this already.", { field: unique });
