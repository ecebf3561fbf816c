import pg from "pg";

const ours = "('read_model', 'runtime', 'vault', 'rebuild')";

/** What a migration can change, a line each, in an order that does not depend on the order it was made in. */
const catalogue = `
  select 'schema ' || nspname || ' of ' || nspowner::regrole || ' ' || coalesce(nspacl::text, '') as line
    from pg_namespace where nspname in ${ours}
  union all
  select 'table ' || c.oid::regclass || ' of ' || relowner::regrole || ' rls ' || relrowsecurity || relforcerowsecurity
    || ' ' || coalesce((select string_agg(acl::text, ' ' order by acl::text) from unnest(relacl) acl), '')
    from pg_class c join pg_namespace n on n.oid = relnamespace where nspname in ${ours} and relkind = 'r'
  union all
  select 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
    || case when attnotnull then ' not null' else '' end || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
    from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where nspname in ${ours} and relkind = 'r' and attnum > 0 and not attisdropped
  union all
  select 'index ' || indexdef from pg_indexes where schemaname in ${ours}
  union all
  select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(c.oid)
    from pg_constraint c join pg_namespace n on n.oid = connamespace where nspname in ${ours}
  union all
  select 'policy ' || schemaname || '.' || tablename || ' ' || policyname || ' ' || permissive || ' ' || roles::text
    || ' ' || cmd || ' ' || coalesce(qual, '') || ' ' || coalesce(with_check, '')
    from pg_policies where schemaname in ${ours}
  union all
  select 'default ' || defaclnamespace::regnamespace || ' ' || defaclrole::regrole || ' ' || defaclacl::text
    from pg_default_acl
  order by line`;

export const describeCatalogue = async (url: string): Promise<string[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ line: string }>(catalogue).finally(() => client.end());
  return rows.map(({ line }) => line);
};
