-- Up Migration

-- What owns a subject decides what its key is wrapped under: to wrap it anew, nobody has to find its events first.
set role everfold_owner;
alter table vault.subject_keys add column scope_id uuid;
reset role;

-- Down Migration

set role everfold_owner;
alter table vault.subject_keys drop column scope_id;
reset role;
