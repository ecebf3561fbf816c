import type { PaymentProvider } from "./provider.ts";

/** Every charge is accepted at once and paid by invoice later: the reference is what the invoice names. */
export const invoicePayments = (): PaymentProvider => ({
  charge: async ({ rechargeId }) => ({ outcome: "accepted", reference: `invoice-${rechargeId}` }),
});
