-- Up Migration

set role everfold_owner;
-- Positions are commit positions of the event store.
create table runtime.checkpoints (
  projection text not null,
  version integer not null,
  position bigint not null,
  updated_at timestamptz not null default now(),
  primary key (projection, version)
);

create table runtime.parked_events (
  projection text not null,
  version integer not null,
  stream text not null,
  position bigint not null,
  event_id uuid not null,
  type text not null,
  error text not null,
  parked_at timestamptz not null default now(),
  primary key (projection, version, event_id)
);
create index parked_events_stream on runtime.parked_events (projection, version, stream);

grant select, insert, update, delete on runtime.checkpoints, runtime.parked_events to everfold_projector;
-- A read waits for the checkpoint to pass the reader's last write.
grant select on runtime.checkpoints, runtime.parked_events to everfold_api;
reset role;

-- Down Migration

drop table runtime.parked_events;
drop table runtime.checkpoints;
