import type { BlindIndex } from "./commands/claims.ts";
import { derivedId } from "./kernel/ids.ts";
import { deriveKey, keyedHash } from "./platform/encryption.ts";

/** The one of this installation: whoever has another master key finds no claim. */
export const blindIndexUnder = (masterKey: Uint8Array): BlindIndex => {
  const hashOf = keyedHash(deriveKey(masterKey, "blind-index"));
  return (purpose, value) => derivedId(hashOf(`${purpose}/${value}`));
};
