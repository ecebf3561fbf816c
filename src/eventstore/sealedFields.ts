import { z } from "zod";
import type { EventDefs, EventSource } from "../kernel/decider.ts";
import { decrypt, isCiphertext } from "../platform/encryption.ts";
import type { KeyVault } from "../platform/keyVault.ts";
import type { Transaction } from "../platform/postgres.ts";
import { aadOf, marksOf, originalOf, subjectOf } from "./codec.ts";
import type { StoredEvent } from "./store.ts";

/** All that it takes to decrypt a field but the key, and what it reads as once that is destroyed. */
const SealedField = z.object({
  subject: z.object({ id: z.string(), kind: z.string(), scope: z.string().nullable() }),
  aad: z.string(),
  ciphertext: z.string().refine(isCiphertext),
  erased: z.unknown(),
});

/** USR-05: a personal field for a read model, as its event has it: in clear it stands in no table. */
export const sealedField = <D extends EventDefs>(
  { events }: EventSource<D>,
  type: keyof D & string,
  { data }: Pick<StoredEvent, "data">,
  field: string,
): string => {
  const def = events[type];
  const mark = def && marksOf(def).get(field);
  const ciphertext = data[field];
  if (!mark || !isCiphertext(ciphertext)) throw new Error(`${type}.${field} is not stored as a ciphertext`);
  const subject = subjectOf(data, mark);
  return JSON.stringify({ subject, aad: aadOf(subject, { data, type }, field), ciphertext, erased: mark.erased });
};

/** Text in clear for each sealed one, with one question to the vault for all of them. */
type Opening = (sealed: readonly string[], read: Transaction) => Promise<string[]>;

export const opening =
  (vault: Pick<KeyVault, "keysToRead">): Opening =>
  async (sealed, read) => {
    const fields = sealed.map((text) => SealedField.parse(JSON.parse(text)));
    const subjects = new Map(fields.map(({ subject }) => [subject.id, subject]));
    const keys = await vault.keysToRead([...subjects.values()], read);
    return fields.map(({ subject, aad, ciphertext, erased }) => {
      const key = keys.get(subject.id);
      return String(key ? originalOf(decrypt(ciphertext, key, aad)) : erased);
    });
  };
