-- Up Migration

-- What command handlers keep beside long streams. Both tables can be emptied at any time: that changes what a command
-- costs, never what it means.
set role everfold_owner;
create table runtime.stream_snapshots (
  stream text primary key,
  fold_version integer not null,
  revision bigint not null,
  position bigint not null,
  state jsonb not null,
  taken_at timestamptz not null default now()
);

create table runtime.command_results (
  stream text not null,
  command_id text not null,
  input_hash text not null,
  revision bigint not null,
  position bigint not null,
  answer jsonb not null,
  primary key (stream, command_id)
);

grant select, insert, update, delete on runtime.stream_snapshots, runtime.command_results to everfold_api;
reset role;

-- Down Migration

drop table runtime.command_results;
drop table runtime.stream_snapshots;
