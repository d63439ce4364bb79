import { sql, type Kysely } from 'kysely'

/** Webhooks: endpoints, and what each is sent (events.md §3, decision 23). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table webhooks (
    id uuid primary key default gen_random_uuid(),
    url text not null check (char_length(url) between 1 and 2048),
    description text check (char_length(description) <= 1000),
    kinds text[],
    course_keys text[],
    format text not null check (format in ('enrollment', 'openedx')),
    state text not null default 'enabled' check (state in ('enabled', 'disabled')),
    disabled_because text check (disabled_because in ('requested', 'gone', 'failing')),
    -- Encrypted with a key that is not in the database.
    secret bytea not null,
    -- The secret before a rotation, which signs as well until then.
    previous_secret bytea,
    previous_secret_until timestamptz,
    -- It gets the events after this place in the feed.
    begins_transaction xid8 not null,
    begins_id bigint not null,
    -- A replay that runs: the events after the first place, up to the second, are still to be sent again.
    replay_after_transaction xid8,
    replay_after_id bigint,
    replay_through_transaction xid8,
    replay_through_id bigint,
    -- The first failure since the last success, and what the last one was.
    failing_since timestamptz,
    last_error text,
    created timestamptz not null,
    updated timestamptz not null,
    check ((state = 'disabled') = (disabled_because is not null)),
    check ((previous_secret is null) = (previous_secret_until is null)),
    check (num_nulls(replay_after_transaction, replay_after_id, replay_through_transaction, replay_through_id) in (0, 4))
  )`,

  // Events after the place at which an endpoint begins that were committed before it was made: transactions that ran then
  // had kept them from being shown.
  `create table webhook_skipped_events (
    webhook_id uuid not null,
    event_id bigint not null,
    primary key (webhook_id, event_id)
  )`,

  // Without foreign keys: what is left of an endpoint that was deleted is swept (decision 9).
  `create table webhook_deliveries (
    id bigint generated always as identity primary key,
    webhook_id uuid not null,
    -- Of the event; null in a test.
    event_id bigint,
    transaction_id xid8,
    enrollment_id bigint,
    version integer,
    state text not null check (state in ('pending', 'delivered', 'dead')),
    attempts integer not null default 0,
    -- Attempts that were answered with a time to wait, which do not use up the schedule.
    waits integer not null default 0,
    last_status integer,
    last_error text,
    last_answer text,
    -- While it is sent: when others may take it over.
    next_attempt_at timestamptz,
    -- The process that sends it.
    claimed_by uuid,
    is_replay boolean not null default false,
    at timestamptz not null,
    unique (webhook_id, event_id),
    check (num_nulls(event_id, transaction_id, enrollment_id, version) in (0, 4)),
    check ((state = 'pending') = (next_attempt_at is not null))
  )`,
  // What is due.
  `create index webhook_deliveries_due_idx on webhook_deliveries (webhook_id, next_attempt_at)
    where state = 'pending' and not is_replay`,
  `create index webhook_deliveries_replay_idx on webhook_deliveries (webhook_id, transaction_id, event_id)
    where state = 'pending' and is_replay`,
  // Whether an earlier version of an enrollment is still to be delivered.
  `create index webhook_deliveries_order_idx on webhook_deliveries (enrollment_id, version)
    where state = 'pending'`,
  // How far an endpoint has come.
  `create index webhook_deliveries_position_idx on webhook_deliveries (webhook_id, transaction_id, event_id)
    where state = 'pending'`,
  // Lists.
  `create index webhook_deliveries_list_idx on webhook_deliveries (webhook_id, state, id)`,
  // What is old is found by the pages that it is in.
  `create index webhook_deliveries_at_idx on webhook_deliveries using brin (at)`,
]
