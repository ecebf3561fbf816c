-- Up Migration

-- What owns a subject decides what its key is wrapped under: to wrap it anew, nobody has to find its events first. When
-- the owner goes, the keys of all its subjects go with it.
set role everfold_owner;
alter table vault.subject_keys add column scope_id uuid;
create index subject_keys_scope on vault.subject_keys (scope_id) where wrapped_key is not null;
reset role;

-- Down Migration

set role everfold_owner;
drop index vault.subject_keys_scope;
alter table vault.subject_keys drop column scope_id;
reset role;
