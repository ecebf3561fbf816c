-- Up Migration

-- A rebuild exchanges a projection's rows beneath the running projector. This number then goes up, and whoever moves the
-- checkpoint does so only while it is the one they know.
set role everfold_owner;
alter table runtime.checkpoints add column generation integer not null default 0;
reset role;

-- Down Migration

set role everfold_owner;
alter table runtime.checkpoints drop column generation;
reset role;
