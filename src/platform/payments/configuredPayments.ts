import { httpPayments } from "./httpPayments.ts";
import { invoicePayments } from "./invoicePayments.ts";
import type { PaymentProvider } from "./provider.ts";

type PaymentSettings = {
  readonly PAYMENT_PROVIDER: "invoice" | "http";
  readonly PAYMENT_URL?: string | undefined;
  readonly PAYMENT_SECRET?: string | undefined;
  readonly PAYMENT_ALLOW_PRIVATE_ADDRESSES: boolean;
};

/** The provider that the settings name. Those of `http` are there: the configuration is refused without them. */
export const configuredPayments = (settings: PaymentSettings): PaymentProvider => {
  const { PAYMENT_PROVIDER, PAYMENT_URL = "", PAYMENT_SECRET = "", PAYMENT_ALLOW_PRIVATE_ADDRESSES } = settings;
  return PAYMENT_PROVIDER === "invoice"
    ? invoicePayments()
    : httpPayments({
        url: PAYMENT_URL,
        secret: PAYMENT_SECRET,
        allowPrivateAddresses: PAYMENT_ALLOW_PRIVATE_ADDRESSES,
      });
};
