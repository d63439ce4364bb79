import { sql, type Kysely } from 'kysely'

/** What is still to be sent to the LMS (adoption.md §5, decision 26). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // One row for each enrollment of which the LMS may say something else: what it says here is read when it is sent. due: to be
  // sent; refused: the LMS says no; unsent: it cannot be said to the LMS. version: the newest one that was noted. While a
  // process sends it (claimed_by), next_attempt_at is when another one may take it over.
  `create table lms_mirror_pairs (
    enrollment_id bigint primary key,
    state text not null default 'due' check (state in ('due', 'refused', 'unsent')),
    version integer not null check (version >= 1),
    position bigint not null generated always as identity,
    noted timestamptz not null default now(),
    next_attempt_at timestamptz not null default now(),
    claimed_by uuid,
    failures integer not null default 0,
    failed_at timestamptz,
    last_error text
  )`,
  `create index lms_mirror_pairs_due_idx on lms_mirror_pairs (next_attempt_at, position) where state = 'due'`,
  `create index lms_mirror_pairs_failed_idx on lms_mirror_pairs (failed_at) where failed_at is not null`,

  // How fast all processes together send, and until when they wait because the LMS is away or asks for it.
  `create table lms_mirror_pace (
    is_single boolean primary key default true check (is_single),
    next_request_at timestamptz not null default now(),
    paused_until timestamptz,
    failures integer not null default 0,
    last_error text
  )`,
  `insert into lms_mirror_pace default values`,
]
