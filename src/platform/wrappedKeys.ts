import { deriveKey, deriveWorkspaceKey, newKey, unwrapKey, wrapKey } from "./encryption.ts";
import { type Pool, query, type Transaction } from "./postgres.ts";
import { sql } from "./sql.ts";

/** Whose key it is; `kind` is for people who look at the vault. `scope` names what owns it: a workspace, or nothing. */
export type Subject = { id: string; kind: string; scope: string | null };
type Owner = Pick<Subject, "id" | "scope">;
export type Key = Uint8Array | "destroyed";

/** The table of the vault: one row a subject, its key wrapped under a key that derives from the master key. */
type WrappedKeys = {
  /** By subject id; who has no row is absent. */
  load(subjects: readonly Subject[], on?: Transaction): Promise<Map<string, Key>>;
  /** Two processes may do this for one subject at once: the first row stays, and `load` tells both what it says. */
  create(subjects: readonly Subject[]): Promise<void>;
  destroy(subject: Pick<Subject, "id" | "kind">): Promise<void>;
  /** @returns the ids of the subjects whose keys were destroyed now */
  destroyAllOf(scope: string): Promise<string[]>;
};

/** Stored with each row, as is its scope: both are what it takes to wrap a key under another master key one day. */
const keyVersion = 1;
type Row = { subject_id: string; wrapped_key: Uint8Array | null; key_version: number };

export const wrappedKeys = (pool: Pool, masterKey: Uint8Array): WrappedKeys => {
  const { wrap, unwrap } = wrapping(masterKey);

  return {
    async load(subjects, on) {
      const ids = subjects.map(({ id }) => id);
      const rows = await query<Row>(
        on ?? pool,
        sql`select subject_id, wrapped_key, key_version from vault.subject_keys
          where subject_id = any(${ids}::uuid[])`,
      );
      const byId = new Map(rows.map((row) => [row.subject_id, row]));
      return new Map(
        subjects.flatMap((subject) => {
          const row = byId.get(subject.id);
          if (!row) return [];
          return [[subject.id, row.wrapped_key ? unwrap(row.wrapped_key, subject, row.key_version) : "destroyed"]];
        }),
      );
    },
    async create(subjects) {
      const keys = subjects.map((subject) => wrap(newKey(), subject));
      await query(
        pool,
        sql`insert into vault.subject_keys (subject_id, kind, scope_id, wrapped_key, key_version)
          select subject_id, kind, scope_id, wrapped_key, ${keyVersion}
          from unnest(${subjects.map(({ id }) => id)}::uuid[], ${subjects.map(({ kind }) => kind)}::text[],
            ${subjects.map(({ scope }) => scope)}::uuid[], ${keys}::bytea[])
            as new (subject_id, kind, scope_id, wrapped_key)
          on conflict (subject_id) do nothing`,
      );
    },
    async destroy({ id, kind }) {
      await query(
        pool,
        sql`insert into vault.subject_keys (subject_id, kind, wrapped_key, key_version, destroyed_at)
          values (${id}, ${kind}, null, ${keyVersion}, now())
          on conflict (subject_id) do update set wrapped_key = null, destroyed_at = now()
          where subject_keys.wrapped_key is not null`,
      );
    },
    async destroyAllOf(scope) {
      const rows = await query<{ subject_id: string }>(
        pool,
        sql`update vault.subject_keys set wrapped_key = null, destroyed_at = now()
          where scope_id = ${scope} and wrapped_key is not null returning subject_id`,
      );
      return rows.map(({ subject_id }) => subject_id);
    },
  };
};

const wrapping = (masterKey: Uint8Array) => {
  const keyOf = ({ id, scope }: Owner): Buffer =>
    scope === null ? deriveKey(masterKey, `subject/${id}`) : deriveWorkspaceKey(masterKey, scope);
  return {
    wrap: (key: Uint8Array, owner: Owner) => wrapKey(key, keyOf(owner), aadOf(owner)),
    unwrap: (key: Uint8Array, owner: Owner, version: number) => {
      if (version === keyVersion) return unwrapKey(key, keyOf(owner), aadOf(owner));
      throw new Error(`the key of subject ${owner.id} is wrapped under master key ${version}, which is not given`);
    },
  };
};

/** A wrapped key moved to another subject's row, or to another workspace, cannot be unwrapped there. */
const aadOf = ({ id, scope }: Owner): string => JSON.stringify(["subject-key", keyVersion, id, scope]);
