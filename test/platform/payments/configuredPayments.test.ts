import { expect, it } from "vitest";
import { readConfig } from "../../../src/config.ts";
import { configuredPayments } from "../../../src/platform/payments/configuredPayments.ts";
import { accepted, paymentEndpoint } from "./paymentEndpoint.ts";

const request = { rechargeId: "r-1", workspaceId: "w-1", organizationId: "o-1", amount: 5 };

it("payments are invoiced unless something else is set: accepted at once, and twice under one reference", async () => {
  const payments = configuredPayments(readConfig({}));
  const invoiced = { outcome: "accepted", reference: "invoice-r-1" };
  expect([await payments.charge(request), await payments.charge(request)]).toEqual([invoiced, invoiced]);
});

it("payments by http go where the configuration says", async () => {
  await using endpoint = await paymentEndpoint([accepted]);
  const settings = {
    PAYMENT_PROVIDER: "http",
    PAYMENT_URL: endpoint.url,
    PAYMENT_SECRET: "s".repeat(32),
    PAYMENT_ALLOW_PRIVATE_ADDRESSES: "true",
  };
  const outcome = await configuredPayments(readConfig(settings)).charge(request);
  expect(outcome).toEqual({ outcome: "accepted", reference: "charge-1" });
  expect(endpoint.received).toHaveLength(1);
});
