-- Up Migration

-- What command handlers keep beside ledgers, each called by the id in its stream's name. Both tables can be emptied at
-- any time: that changes what a command costs, never what it means.
set role everfold_owner;
create table runtime.stream_snapshots (
  ledger uuid primary key,
  fold_version integer not null,
  revision bigint not null,
  position bigint not null,
  chain text not null,
  last_command_id uuid not null,
  state jsonb not null,
  taken_at timestamptz not null default now()
);

-- A row for every command a ledger ever carried out: where its events are, from which it is answered again.
create table runtime.command_results (
  ledger uuid not null,
  command_id uuid not null,
  first_revision bigint not null,
  revision bigint not null,
  position bigint not null,
  input_hash text not null,
  primary key (ledger, command_id)
);

grant select, insert, update, delete on runtime.stream_snapshots, runtime.command_results to everfold_api;
reset role;

-- Down Migration

drop table runtime.command_results;
drop table runtime.stream_snapshots;
