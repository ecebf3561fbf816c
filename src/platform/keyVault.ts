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
  /** Wraps what is still wrapped under a former master key under the present one. @returns how many keys that were */
  rewrap(): Promise<number>;
  /** Erases the subject everywhere. Other processes forget their copy of the key within `cacheTtlMs`. */
  destroy(subject: Pick<Subject, "id" | "kind">): Promise<void>;
};

const cachedKeysMax = 10_000;
const cacheTtlMs = 60_000;

type Owner = Pick<Subject, "id" | "scope">;
type Key = Uint8Array | "destroyed";
type Row = { subject_id: string; wrapped_key: Uint8Array | null; key_version: number };
type Options = {
  pool: Pool;
  masterKey: Uint8Array;
  /** The master keys before this one, oldest first: what they wrapped can be read until it is wrapped anew. */
  formerMasterKeys?: readonly Uint8Array[];
};
const rewrapBatch = 500;

/**
 * Random keys, one a subject, in Postgres; each is wrapped under a key that derives from a master key. The version of a
 * row says from which: 1 is the first there ever was. What is encrypted under a subject's key never changes.
 */
export const keyVault = ({ pool, masterKey, formerMasterKeys = [] }: Options): KeyVault => {
  const masterKeys = [...formerMasterKeys, masterKey];
  const currentVersion = masterKeys.length;
  const cache = new LRUCache<string, Key>({ max: cachedKeysMax, ttl: cacheTtlMs });

  const wrappingKeyOf = ({ id, scope }: Owner, version: number): Buffer => {
    const master = masterKeys[version - 1];
    if (!master) throw new Error(`the key of subject ${id} is wrapped under master key ${version}, which is not given`);
    return scope === null ? deriveKey(master, `subject/${id}`) : deriveWorkspaceKey(master, scope);
  };
  const wrapped = (key: Uint8Array, owner: Owner): Buffer =>
    wrapKey(key, wrappingKeyOf(owner, currentVersion), aadOf(owner, currentVersion));
  const unwrapped = (bytes: Uint8Array, owner: Owner, version: number): Buffer =>
    unwrapKey(bytes, wrappingKeyOf(owner, version), aadOf(owner, version));

  const stored = (ids: readonly string[]): Promise<Row[]> =>
    query<Row>(
      pool,
      sql`select subject_id, wrapped_key, key_version from vault.subject_keys where subject_id = any(${ids}::uuid[])`,
    );

  /** Two processes may make a key for one subject at once: the first row stays, and both go on with what it says. */
  const create = async (subjects: readonly Subject[]): Promise<void> => {
    const keys = subjects.map((subject) => wrapped(newKey(), subject));
    await query(
      pool,
      sql`insert into vault.subject_keys (subject_id, kind, scope_id, wrapped_key, key_version)
        select subject_id, kind, scope_id, wrapped_key, ${currentVersion}
        from unnest(${subjects.map(({ id }) => id)}::uuid[], ${subjects.map(({ kind }) => kind)}::text[],
          ${subjects.map(({ scope }) => scope)}::uuid[], ${keys}::bytea[])
          as new (subject_id, kind, scope_id, wrapped_key)
        on conflict (subject_id) do nothing`,
    );
  };

  /** What Postgres has about these subjects, by id; what it does not know is absent from the result. */
  const load = async (subjects: readonly Subject[]): Promise<Map<string, Key>> => {
    const rows = new Map((await stored(subjects.map(({ id }) => id))).map((row) => [row.subject_id, row]));
    const loaded = new Map<string, Key>();
    for (const subject of subjects) {
      const row = rows.get(subject.id);
      if (!row) continue;
      const key = row.wrapped_key === null ? "destroyed" : unwrapped(row.wrapped_key, subject, row.key_version);
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
    async rewrap() {
      let count = 0;
      for (;;) {
        const rows = await query<Row & { scope_id: string | null }>(
          pool,
          sql`select subject_id, scope_id, wrapped_key, key_version from vault.subject_keys
            where wrapped_key is not null and key_version < ${currentVersion} limit ${rewrapBatch}`,
        );
        if (rows.length === 0) return count;
        const anew = rows.flatMap(({ subject_id: id, scope_id: scope, wrapped_key: key, key_version }) =>
          key === null ? [] : [{ id, key: wrapped(unwrapped(key, { id, scope }, key_version), { id, scope }) }],
        );
        await query(
          pool,
          sql`update vault.subject_keys as old set wrapped_key = new.wrapped_key, key_version = ${currentVersion}
            from unnest(${anew.map(({ id }) => id)}::uuid[], ${anew.map(({ key }) => key)}::bytea[])
              as new (subject_id, wrapped_key)
            where old.subject_id = new.subject_id and old.wrapped_key is not null
              and old.key_version < ${currentVersion}`,
        );
        count += rows.length;
      }
    },
    async destroy({ id, kind }) {
      await query(
        pool,
        sql`insert into vault.subject_keys (subject_id, kind, wrapped_key, key_version, destroyed_at)
          values (${id}, ${kind}, null, ${currentVersion}, now())
          on conflict (subject_id) do update set wrapped_key = null, destroyed_at = now()
          where subject_keys.wrapped_key is not null`,
      );
      cache.set(id, "destroyed");
    },
  };
};

/** A wrapped key moved to another subject's row, or to another workspace, cannot be unwrapped there. */
const aadOf = ({ id, scope }: Owner, version: number): string => JSON.stringify(["subject-key", version, id, scope]);

const usable = (id: string, key: Key | undefined): Uint8Array => {
  if (key === undefined || key === "destroyed") throw new SubjectErased(`the key of subject ${id} was destroyed`);
  return key;
};

const readable = ({ id, kind }: Subject, key: Key | undefined): Uint8Array | undefined => {
  if (key === undefined) throw new Error(`the vault has no key of ${kind} ${id}, and knows of none destroyed`);
  return key === "destroyed" ? undefined : key;
};
