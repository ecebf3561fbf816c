import { LRUCache } from "lru-cache";
import type { Pool, Transaction } from "./postgres.ts";
import { type Key, type Subject, wrappedKeys } from "./wrappedKeys.ts";

/** The subject's key was destroyed: what was encrypted under it is gone, and nothing more may be written under it. */
export class SubjectErased extends Error {
  override readonly name = "SubjectErased";
}

export type KeyVault = {
  /** Keys to encrypt under, by subject id, made where there is none yet. Throws `SubjectErased`. */
  keysToWrite(subjects: readonly Subject[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * Keys to decrypt with, by subject id; `undefined` for a destroyed one. Throws when a key never existed. Who has a
   * transaction asks on it: to wait for another connection while holding one is how a pool comes to a standstill.
   */
  keysToRead(subjects: readonly Subject[], on?: Transaction): Promise<ReadonlyMap<string, Uint8Array | undefined>>;
  /** Erases the subject everywhere. Other processes forget their copy of the key within `cacheTtlMs`. */
  destroy(subject: Pick<Subject, "id" | "kind">): Promise<void>;
  /** The same for every subject there is by now that belongs to this scope. */
  destroyAllOf(scope: string): Promise<void>;
};

const cachedKeysMax = 10_000;
const cacheTtlMs = 60_000;

/** A random key for each subject. What is encrypted under it never changes; how it is wrapped itself may. */
export const keyVault = ({ pool, masterKey }: { pool: Pool; masterKey: Uint8Array }): KeyVault => {
  const table = wrappedKeys(pool, masterKey);
  const cache = new LRUCache<string, Key>({ max: cachedKeysMax, ttl: cacheTtlMs });

  const load = async (subjects: readonly Subject[], on?: Transaction): Promise<Map<string, Key>> => {
    const loaded = await table.load(subjects, on);
    for (const [id, key] of loaded) cache.set(id, key);
    return loaded;
  };

  const known = async (subjects: readonly Subject[], on?: Transaction): Promise<Map<string, Key>> => {
    const keys = new Map<string, Key>();
    for (const { id } of subjects) {
      const cached = cache.get(id);
      if (cached) keys.set(id, cached);
    }
    const missing = subjects.filter(({ id }) => !keys.has(id));
    return missing.length === 0 ? keys : new Map([...keys, ...(await load(missing, on))]);
  };

  return {
    async keysToWrite(subjects) {
      const keys = await known(subjects);
      const absent = subjects.filter(({ id }) => !keys.has(id));
      if (absent.length > 0) {
        await table.create(absent);
        for (const [id, key] of await load(absent)) keys.set(id, key);
      }
      return new Map(subjects.map(({ id }) => [id, usable(id, keys.get(id))]));
    },
    async keysToRead(subjects, on) {
      const keys = await known(subjects, on);
      return new Map(subjects.map((subject) => [subject.id, readable(subject, keys.get(subject.id))]));
    },
    async destroy(subject) {
      await table.destroy(subject);
      cache.set(subject.id, "destroyed");
    },
    async destroyAllOf(scope) {
      for (const id of await table.destroyAllOf(scope)) cache.set(id, "destroyed");
    },
  };
};

const usable = (id: string, key: Key | undefined): Uint8Array => {
  if (key === undefined || key === "destroyed") throw new SubjectErased(`the key of subject ${id} was destroyed`);
  return key;
};

const readable = ({ id, kind }: Subject, key: Key | undefined): Uint8Array | undefined => {
  if (key === undefined) throw new Error(`the vault has no key of ${kind} ${id}, and knows of none destroyed`);
  return key === "destroyed" ? undefined : key;
};
