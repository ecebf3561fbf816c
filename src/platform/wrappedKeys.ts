import { deriveKey, deriveWorkspaceKey, newKey, unwrapKey, wrapKey } from "./encryption.ts";
import { type Pool, query } from "./postgres.ts";
import { sql } from "./sql.ts";

/** Whose key it is; `kind` is for people who look at the vault. `scope` names what owns it: a workspace, or nothing. */
export type Subject = { id: string; kind: string; scope: string | null };
type Owner = Pick<Subject, "id" | "scope">;
export type Key = Uint8Array | "destroyed";

/** The table of the vault: one row a subject, its key wrapped under a key that derives from a master key. */
type WrappedKeys = {
  /** By subject id; who has no row is absent. */
  load(subjects: readonly Subject[]): Promise<Map<string, Key>>;
  /** Two processes may do this for one subject at once: the first row stays, and `load` tells both what it says. */
  create(subjects: readonly Subject[]): Promise<void>;
  destroy(subject: Pick<Subject, "id" | "kind">): Promise<void>;
  rewrap(): Promise<number>;
};

const rewrapBatch = 500;
type Row = { subject_id: string; scope_id: string | null; wrapped_key: Uint8Array | null; key_version: number };

/** `masterKeys`: oldest first; the last one wraps, and a row's version says which one unwraps it, counted from 1. */
export const wrappedKeys = (pool: Pool, masterKeys: readonly Uint8Array[]): WrappedKeys => {
  const version = masterKeys.length;
  const { wrap, unwrap } = wrapping(masterKeys);

  return {
    async load(subjects) {
      const ids = subjects.map(({ id }) => id);
      const rows = await query<Row>(
        pool,
        sql`select subject_id, scope_id, wrapped_key, key_version from vault.subject_keys
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
          select subject_id, kind, scope_id, wrapped_key, ${version}
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
          values (${id}, ${kind}, null, ${version}, now())
          on conflict (subject_id) do update set wrapped_key = null, destroyed_at = now()
          where subject_keys.wrapped_key is not null`,
      );
    },
    async rewrap() {
      let count = 0;
      for (;;) {
        const rows = await query<Row>(
          pool,
          sql`select subject_id, scope_id, wrapped_key, key_version from vault.subject_keys
            where wrapped_key is not null and key_version < ${version} limit ${rewrapBatch}`,
        );
        if (rows.length === 0) return count;
        await replace(pool, rows, version, (key, owner, from) => wrap(unwrap(key, owner, from), owner));
        count += rows.length;
      }
    },
  };
};

const wrapping = (masterKeys: readonly Uint8Array[]) => {
  const keyOf = ({ id, scope }: Owner, version: number): Buffer => {
    const master = masterKeys[version - 1];
    if (!master) throw new Error(`the key of subject ${id} is wrapped under master key ${version}, which is not given`);
    return scope === null ? deriveKey(master, `subject/${id}`) : deriveWorkspaceKey(master, scope);
  };
  const present = masterKeys.length;
  return {
    wrap: (key: Uint8Array, owner: Owner) => wrapKey(key, keyOf(owner, present), aadOf(owner, present)),
    unwrap: (key: Uint8Array, owner: Owner, version: number) =>
      unwrapKey(key, keyOf(owner, version), aadOf(owner, version)),
  };
};

/** A wrapped key moved to another subject's row, or to another workspace, cannot be unwrapped there. */
const aadOf = ({ id, scope }: Owner, version: number): string => JSON.stringify(["subject-key", version, id, scope]);

/** A key that was destroyed or wrapped anew meanwhile stays as it is. */
const replace = async (
  pool: Pool,
  rows: readonly Row[],
  version: number,
  rewrapped: (key: Uint8Array, owner: Owner, from: number) => Uint8Array,
): Promise<void> => {
  const anew = rows.flatMap(({ subject_id: id, scope_id: scope, wrapped_key: key, key_version }) =>
    key ? [{ id, key: rewrapped(key, { id, scope }, key_version) }] : [],
  );
  await query(
    pool,
    sql`update vault.subject_keys as old set wrapped_key = new.wrapped_key, key_version = ${version}
      from unnest(${anew.map(({ id }) => id)}::uuid[], ${anew.map(({ key }) => key)}::bytea[])
        as new (subject_id, wrapped_key)
      where old.subject_id = new.subject_id and old.wrapped_key is not null and old.key_version < ${version}`,
  );
};
