import { z } from "zod";
import { Category, CreditLevel, Credits, Description, ReferenceId } from "../../domain/credits/amounts.ts";
import type { OpenCreditLedger, Hold as OpenHold } from "../../domain/credits/creditLedger.ts";
import { beyond, taken, totalOf } from "../../domain/credits/lots.ts";
import { isRejection, type Rejection, reject } from "../../kernel/rejection.ts";
import { spending } from "./funds.ts";
import { asked, InLedger, Left, ledgerCommand, left } from "./ledgerCommand.ts";
import { TransactionWritten, transactionWritten } from "./transaction.ts";

/** So many can be open in one ledger. */
const holdsMax = 5_000;
const timeoutSecondsDefault = 3_600;
const timeoutSecondsMax = 30 * 86_400;

/** `amount` was reserved when it was placed; `remaining` still is. */
export const Hold = z.object({
  id: z.uuid(),
  amount: Credits,
  remaining: CreditLevel,
  expiresAt: z.iso.datetime(),
  description: z.string(),
  referenceId: z.string().nullable(),
  category: z.string().nullable(),
});
const HoldPlaced = Left.extend({ hold: Hold });

/** Reserves credits: nobody else can spend them until they are captured or released, or the hold expires. */
export const PlaceHold = ledgerCommand({
  name: "PlaceHold",
  permission: "credits:hold",
  input: InLedger.extend({
    holdId: z.uuid(),
    amount: Credits,
    timeoutSeconds: z.int().positive().max(timeoutSecondsMax).optional(),
    description: Description,
    referenceId: ReferenceId.optional(),
    category: Category.optional(),
  }),
  output: HoldPlaced,
  decide: (input, ledger, facts) => {
    const { holdId, amount, description, referenceId = null, category = null } = input;
    if (ledger.holds.length >= holdsMax)
      return reject("conflict", "TOO_MANY_HOLDS", "Too many holds are open.", { max: holdsMax });
    const reserved = spending(ledger, amount, facts);
    if (isRejection(reserved)) return reserved;
    const lifetimeMs = (input.timeoutSeconds ?? timeoutSecondsDefault) * 1_000;
    const expiresAt = new Date(Date.parse(facts.now) + lifetimeMs).toISOString();
    const data = { holdId, amount, ...reserved, description, referenceId, category, expiresAt };
    return [{ type: "HoldPlaced", data }];
  },
  answer: ({ events }) => {
    const { holdId: id, amount, expiresAt, description, referenceId, category } = asked(events, "HoldPlaced").data;
    return { hold: { id, amount, remaining: amount, expiresAt, description, referenceId, category }, ...left(events) };
  },
});

/**
 * Spends some of a hold: all that remains of it unless told. The rest is given back, unless `final` is false: then more
 * can be captured later. Whoever placed it: one worker settles what another one reserved, in the budgets of the latter.
 */
export const CaptureHold = ledgerCommand({
  name: "CaptureHold",
  permission: "credits:hold",
  input: InLedger.extend({
    holdId: z.uuid(),
    amount: Credits.optional(),
    final: z.boolean().optional(),
    description: Description.optional(),
    referenceId: ReferenceId.optional(),
  }),
  output: TransactionWritten.extend({ released: CreditLevel, remaining: CreditLevel }),
  windsUp: true,
  decide: ({ holdId, amount: wanted, final = true, ...about }, ledger) => {
    const hold = openHold(ledger, holdId);
    if (isRejection(hold)) return hold;
    const amount = wanted ?? hold.amount;
    if (amount > hold.amount)
      return reject("unprocessable", "CAPTURE_EXCEEDS_HOLD", "The hold does not reserve this much.", {
        holdId,
        remaining: hold.amount,
        required: amount,
      });
    const isFinal = final || amount === hold.amount;
    const { category } = hold;
    const charges = [...hold.charges];
    const described = {
      description: about.description ?? hold.description,
      referenceId: about.referenceId ?? hold.referenceId,
    };
    const split = {
      parts: taken(hold.parts, amount),
      released: isFinal ? beyond(hold.parts, amount) : [],
      remaining: isFinal ? 0 : hold.amount - amount,
    };
    return [{ type: "HoldCaptured", data: { holdId, amount, ...split, isFinal, charges, category, ...described } }];
  },
  answer: ({ events }) => {
    const captured = asked(events, "HoldCaptured");
    const { released, remaining } = captured.data;
    return { ...transactionWritten(events, captured, "debit", -1), released: totalOf(released), remaining };
  },
});

export const ReleaseHold = ledgerCommand({
  name: "ReleaseHold",
  permission: "credits:hold",
  input: InLedger.extend({ holdId: z.uuid() }),
  output: Left.extend({ released: Credits }),
  windsUp: true,
  decide: ({ holdId }, ledger) => {
    const hold = openHold(ledger, holdId);
    if (isRejection(hold)) return hold;
    return [{ type: "HoldReleased", data: { holdId, amount: hold.amount, parts: [...hold.parts] } }];
  },
  answer: ({ events }) => ({ released: asked(events, "HoldReleased").data.amount, ...left(events) }),
});

/** Which it was of the three is in the read model: a ledger remembers the holds that are open. */
const openHold = ({ holds }: OpenCreditLedger, holdId: string): OpenHold | Rejection =>
  holds.find((hold) => hold.holdId === holdId) ??
  reject("conflict", "HOLD_NOT_OPEN", "There is no such open hold: it was captured or released, or it has expired.", {
    holdId,
  });
