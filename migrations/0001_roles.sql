-- Up Migration

-- Roles belong to the whole server, where other databases may be using or just creating them.
do $$
declare
  name text;
begin
  foreach name in array array['everfold_owner', 'everfold_projector', 'everfold_api'] loop
    if not exists (select from pg_roles where rolname = name) then
      begin
        execute format('create role %I nologin nosuperuser nobypassrls', name);
      exception when duplicate_object or unique_violation then
        null;
      end;
    end if;
    -- Whoever connects takes on one of the roles at start-up, and has to be a member for that.
    if not pg_has_role(current_user, name, 'set') then
      begin
        execute format('grant %I to current_user', name);
      exception when unique_violation then
        null;
      end;
    end if;
  end loop;
end
$$;

-- Down Migration

-- The roles stay: other databases of this server may have tables that belong to them, and connections that use them.
