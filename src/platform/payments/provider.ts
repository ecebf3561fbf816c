/** Credits to be paid for. `rechargeId` is the idempotency key: however often it is sent, it is charged once. */
export type ChargeRequest = {
  readonly rechargeId: string;
  readonly workspaceId: string;
  readonly organizationId: string;
  /** In credits. */
  readonly amount: number;
};

export type ChargeOutcome =
  | { readonly outcome: "accepted"; readonly reference: string }
  | { readonly outcome: "declined"; readonly reason: string };

export type PaymentProvider = {
  /** Throws `Unavailable` when it is not known what happened: ask again, with the same `rechargeId`. */
  charge(request: ChargeRequest): Promise<ChargeOutcome>;
};
