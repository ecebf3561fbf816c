import type { UUID } from "@eventstore/db-client/generated/shared_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";

/** The two ways in which servers write ids. */
export const uuidMessage = (id: string, form: "text" | "structured"): UUID => {
  if (form === "text") return new shared.UUID().setString(id);
  const digits = id.replaceAll("-", "");
  const half = (hex: string) => BigInt.asIntN(64, BigInt(`0x${hex}`)).toString();
  return new shared.UUID().setStructured(
    new shared.UUID.Structured()
      .setMostSignificantBits(half(digits.slice(0, 16)))
      .setLeastSignificantBits(half(digits.slice(16))),
  );
};
