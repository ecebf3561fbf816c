-- Up Migration

-- The last event that was dealt with, and where it stood. Positions mean something in one event store alone: this event
-- says whether the one at hand is still the one they are of.
set role everfold_owner;
alter table runtime.checkpoints
  add column last_stream text,
  add column last_revision bigint,
  add column last_event_id uuid,
  add column last_position bigint,
  add constraint last_event_is_whole
    check (num_nulls(last_stream, last_revision, last_event_id, last_position) in (0, 4));
reset role;

-- Down Migration

set role everfold_owner;
alter table runtime.checkpoints
  drop constraint last_event_is_whole,
  drop column last_stream,
  drop column last_revision,
  drop column last_event_id,
  drop column last_position;
reset role;
