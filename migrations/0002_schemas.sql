-- Up Migration

-- read_model: what events add up to, one projection each. runtime: how far the programs are. vault: the keys that make
-- personal data readable, the one state that no event can restore. rebuild: where a projection is filled anew.
create schema read_model authorization everfold_owner;
create schema runtime authorization everfold_owner;
create schema vault authorization everfold_owner;
create schema rebuild authorization everfold_owner;

set role everfold_owner;
grant usage on schema read_model, runtime, vault to everfold_api, everfold_projector;
grant usage, create on schema rebuild to everfold_projector;

-- Every table in read_model may be read by the API as far as its policies let it, and written by the projector alone.
alter default privileges for role everfold_owner in schema read_model
  grant select on tables to everfold_api;
alter default privileges for role everfold_owner in schema read_model
  grant select, insert, update, delete on tables to everfold_projector;
reset role;

-- The API says whether it finds the schema it was made for.
grant usage on schema migrations to everfold_api;
grant select on migrations.applied to everfold_api;

-- Down Migration

revoke select on migrations.applied from everfold_api;
revoke usage on schema migrations from everfold_api;

set role everfold_owner;
alter default privileges for role everfold_owner in schema read_model
  revoke select on tables from everfold_api;
alter default privileges for role everfold_owner in schema read_model
  revoke select, insert, update, delete on tables from everfold_projector;
reset role;

drop schema rebuild cascade;
drop schema vault;
drop schema runtime;
drop schema read_model;
