import { LRUCache } from "lru-cache";
import { deriveKey, deriveWorkspaceKey, newKey, unwrapKey, wrapKey } from "./encryption.ts";
import { type Pool, query } from "./postgres.ts";
import { sql } from "./sql.ts";

/** Whose data it is; `kind` is for people who look at the vault. `scope` names what owns the subject (a workspace); a subject of its own has none. */
export type Subject = { id: string; kind: string; scope: string | null };

/** The subject's key was destroyed: what was encrypted under it is gone, and nothing more may be written under it. */
export class SubjectErased extends Error {
  override readonly name = "SubjectErased";
}

export type KeyVault = {
  /** Keys to encrypt under, by subject id, made where there is none yet. Throws `SubjectErased`. */
  keysToWrite(subjects: readonly Subject[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Keys to decrypt with, by subject id; `undefined` for a destroyed one. Throws when a key never existed. */
  keysToRead(subjects: readonly Subject[]): Promise<ReadonlyMap<string, Uint8Array | undefined>>;
  /** Erases the subject everywhere. Other processes forget their copy of the key within `cacheTtlMs`. */
  destroy(subject: Pick<Subject, "id" | "kind">): Promise<void>;
};

const keyVersion = 1;
const cachedKeysMax = 10_000;
const cacheTtlMs = 60_000;

type Key = Uint8Array | "destroyed";
type Row = { subject_id: string; wrapped_key: Uint8Array | null };

/** Random keys, one a subject, in Postgres; each is wrapped under a key that derives from the master key. */
export const keyVault = ({ pool, masterKey }: { pool: Pool; masterKey: Uint8Array }): KeyVault => {
  const cache = new LRUCache<string, Key>({ max: cachedKeysMax, ttl: cacheTtlMs });

  const wrappingKeyOf = ({ id, scope }: Subject): Buffer =>
    scope === null ? deriveKey(masterKey, `subject/${id}`) : deriveWorkspaceKey(masterKey, scope);

  const stored = (ids: readonly string[]): Promise<Row[]> =>
    query<Row>(
      pool,
      sql`select subject_id, wrapped_key from vault.subject_keys where subject_id = any(${ids}::uuid[])`,
    );

  /** Two processes may make a key for one subject at once: the first row stays, and both go on with what it says. */
  const create = async (subjects: readonly Subject[]): Promise<void> => {
    const wrapped = subjects.map((subject) => wrapKey(newKey(), wrappingKeyOf(subject), aadOf(subject)));
    await query(
      pool,
      sql`insert into vault.subject_keys (subject_id, kind, wrapped_key, key_version)
        select subject_id, kind, wrapped_key, ${keyVersion}
        from unnest(${subjects.map(({ id }) => id)}::uuid[], ${subjects.map(({ kind }) => kind)}::text[],
          ${wrapped}::bytea[]) as new (subject_id, kind, wrapped_key)
        on conflict (subject_id) do nothing`,
    );
  };

  /** What Postgres has about these subjects, by id; what it does not know is absent from the result. */
  const load = async (subjects: readonly Subject[]): Promise<Map<string, Key>> => {
    const rows = new Map((await stored(subjects.map(({ id }) => id))).map((row) => [row.subject_id, row.wrapped_key]));
    const loaded = new Map<string, Key>();
    for (const subject of subjects) {
      const wrapped = rows.get(subject.id);
      if (wrapped === undefined) continue;
      const key = wrapped === null ? "destroyed" : unwrapKey(wrapped, wrappingKeyOf(subject), aadOf(subject));
      loaded.set(subject.id, key);
      cache.set(subject.id, key);
    }
    return loaded;
  };

  const known = async (subjects: readonly Subject[]): Promise<Map<string, Key>> => {
    const keys = new Map<string, Key>();
    for (const { id } of subjects) {
      const cached = cache.get(id);
      if (cached) keys.set(id, cached);
    }
    const missing = subjects.filter(({ id }) => !keys.has(id));
    return missing.length === 0 ? keys : new Map([...keys, ...(await load(missing))]);
  };

  return {
    async keysToWrite(subjects) {
      const keys = await known(subjects);
      const absent = subjects.filter(({ id }) => !keys.has(id));
      if (absent.length > 0) {
        await create(absent);
        for (const [id, key] of await load(absent)) keys.set(id, key);
      }
      return new Map(subjects.map(({ id }) => [id, usable(id, keys.get(id))]));
    },
    async keysToRead(subjects) {
      const keys = await known(subjects);
      return new Map(subjects.map((subject) => [subject.id, readable(subject, keys.get(subject.id))]));
    },
    async destroy({ id, kind }) {
      await query(
        pool,
        sql`insert into vault.subject_keys (subject_id, kind, wrapped_key, key_version, destroyed_at)
          values (${id}, ${kind}, null, ${keyVersion}, now())
          on conflict (subject_id) do update set wrapped_key = null, destroyed_at = now()
          where subject_keys.wrapped_key is not null`,
      );
      cache.set(id, "destroyed");
    },
  };
};

/** A wrapped key moved to another subject's row, or to another workspace, cannot be unwrapped there. */
const aadOf = ({ id, scope }: Subject): string => JSON.stringify(["subject-key", keyVersion, id, scope]);

const usable = (id: string, key: Key | undefined): Uint8Array => {
  if (key === undefined || key === "destroyed") throw new SubjectErased(`the key of subject ${id} was destroyed`);
  return key;
};

const readable = ({ id, kind }: Subject, key: Key | undefined): Uint8Array | undefined => {
  if (key === undefined) throw new Error(`the vault has no key of ${kind} ${id}, and knows of none destroyed`);
  return key === "destroyed" ? undefined : key;
};
