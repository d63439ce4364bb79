import { sql, type Kysely } from 'kysely'

/**
 * The tables of the enterprise extension: customers, their learners, what they fund, and what is pending.
 *
 * Of the tables of core only learners and enrollments are referred to. Course runs are named by their text key: a
 * customer may wait for one that does not exist yet.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table enterprise_customers (
    id integer generated always as identity primary key,
    uuid uuid not null unique,
    name text not null check (char_length(name) between 1 and 255),
    slug text unique check (char_length(slug) between 1 and 255),
    created timestamptz not null default now()
  )`,

  `create table enterprise_customer_admins (
    customer_id integer not null references enterprise_customers,
    learner_id integer not null references learners,
    created timestamptz not null default now(),
    primary key (learner_id, customer_id)
  )`,
  `create index enterprise_customer_admins_customer_idx on enterprise_customer_admins (customer_id)`,

  // is_active: of all customers of the learner this one is theirs at the moment. Whoever is unlinked for good is never
  // linked again by an enrollment.
  `create table enterprise_learner_links (
    id bigint generated always as identity primary key,
    learner_id integer not null references learners,
    customer_id integer not null references enterprise_customers,
    is_linked boolean not null default true,
    is_permanently_unlinked boolean not null default false,
    is_active boolean not null default false,
    created timestamptz not null,
    updated timestamptz not null,
    unique (learner_id, customer_id),
    check (not (is_linked and is_permanently_unlinked)),
    check (is_linked or not is_active)
  )`,
  `create unique index enterprise_learner_links_active_key on enterprise_learner_links (learner_id) where is_active`,
  `create index enterprise_learner_links_customer_idx on enterprise_learner_links (customer_id)`,

  // The same for an e-mail address that has no account yet.
  `create table enterprise_pending_links (
    id bigint generated always as identity primary key,
    email text not null check (email = lower(btrim(email)) and char_length(email) between 1 and 254),
    customer_id integer not null references enterprise_customers,
    is_linked boolean not null default true,
    is_permanently_unlinked boolean not null default false,
    created timestamptz not null,
    unique (email, customer_id),
    check (not (is_linked and is_permanently_unlinked))
  )`,
  `create index enterprise_pending_links_customer_idx on enterprise_pending_links (customer_id)`,

  // The audit of requests: who asked for what, and why. What they changed names the batch.
  `create table enterprise_batches (
    id uuid primary key,
    customer_id integer not null references enterprise_customers,
    actor_kind text not null check (actor_kind in ('service', 'user', 'system')),
    actor_name text not null check (actor_name <> ''),
    request_id text not null,
    reason text,
    salesforce_id text,
    row_count integer not null check (row_count > 0),
    at timestamptz not null
  )`,
  `create index enterprise_batches_customer_idx on enterprise_batches (customer_id, at)`,

  // What a customer knows of the enrollment of a linked learner. enrollment_version: the newest change of the enrollment
  // that this row has taken in. Unenrolled by a change of the enrollment or by the customer; such rows stay.
  `create table enterprise_enrollment_records (
    id bigint generated always as identity primary key,
    link_id bigint not null references enterprise_learner_links,
    course_key text not null check (char_length(course_key) between 1 and 255),
    source text not null check (source in ('customerAdmin', 'learner')),
    enrollment_id bigint not null references enrollments,
    enrollment_version integer not null check (enrollment_version >= 1),
    unenrolled boolean not null default false,
    unenrolled_at timestamptz,
    saved_for_later boolean not null default false,
    created timestamptz not null,
    updated timestamptz not null,
    unique (link_id, course_key),
    check (unenrolled = (unenrolled_at is not null))
  )`,
  `create index enterprise_enrollment_records_enrollment_idx on enterprise_enrollment_records (enrollment_id)`,

  // What paid for an enrollment. funding_id: the license, or the transaction in a ledger. At most one of a kind.
  `create table enterprise_fulfilments (
    uuid uuid primary key,
    record_id bigint not null references enterprise_enrollment_records,
    kind text not null check (kind in ('license', 'transaction')),
    funding_id uuid not null,
    revoked timestamptz,
    batch_id uuid not null references enterprise_batches,
    created timestamptz not null,
    updated timestamptz not null,
    unique (record_id, kind)
  )`,
  `create index enterprise_fulfilments_funding_idx on enterprise_fulfilments (funding_id)`,

  // What is enrolled once the address has an account. mode: null for the best that the course run offers then.
  // discount: in percent. batch_id: the request that asked for it. next_attempt: null while there is no account.
  // refusal: the code of the error. attempts: those that failed.
  `create table enterprise_pending_enrollments (
    id bigint generated always as identity primary key,
    pending_link_id bigint not null references enterprise_pending_links,
    course_key text not null check (char_length(course_key) between 1 and 255),
    mode text check (char_length(mode) between 1 and 100),
    license_uuid uuid,
    transaction_id uuid,
    discount numeric(8, 5) not null,
    force boolean not null,
    is_default_auto_enrollment boolean not null,
    batch_id uuid not null references enterprise_batches,
    state text not null default 'waiting' check (state in ('waiting', 'fulfilled', 'refused', 'cancelled')),
    refusal text check ((refusal is not null) = (state = 'refused')),
    attempts integer not null default 0 check (attempts >= 0),
    next_attempt timestamptz check (next_attempt is null or state = 'waiting'),
    created timestamptz not null,
    updated timestamptz not null,
    unique (pending_link_id, course_key),
    check (num_nonnulls(license_uuid, transaction_id) <= 1)
  )`,
  `create index enterprise_pending_enrollments_due_idx on enterprise_pending_enrollments (next_attempt)
    where next_attempt is not null`,

  // Course runs in which a customer wants its learners enrolled by default, and the enrollments that came of it.
  `create table enterprise_default_intentions (
    id integer generated always as identity primary key,
    customer_id integer not null references enterprise_customers,
    course_key text not null check (char_length(course_key) between 1 and 255),
    created timestamptz not null default now(),
    unique (customer_id, course_key)
  )`,
  `create table enterprise_default_realizations (
    intention_id integer not null references enterprise_default_intentions,
    record_id bigint not null references enterprise_enrollment_records,
    created timestamptz not null,
    primary key (record_id, intention_id)
  )`,

  // Rules that a request lifted: force in a course run that was closed (because: why), a seat beyond the last one.
  `create table enterprise_overrides (
    id bigint generated always as identity primary key,
    batch_id uuid not null references enterprise_batches,
    row_index integer not null check (row_index >= 0),
    enrollment_id bigint not null references enrollments,
    kind text not null check (kind in ('force', 'overCapacity')),
    because text,
    at timestamptz not null
  )`,
  `create index enterprise_overrides_batch_idx on enterprise_overrides (batch_id)`,

  // Whom somebody should tell of an enrollment, append-only. Readers order by (transaction_id, id) and take only rows of
  // transactions that ended before every transaction still running.
  `create table enterprise_notification_intents (
    transaction_id xid8 not null default pg_current_xact_id(),
    id bigint generated always as identity,
    batch_id uuid not null references enterprise_batches,
    learner_id integer references learners,
    email text,
    course_key text not null,
    at timestamptz not null,
    primary key (transaction_id, id),
    check (num_nonnulls(learner_id, email) = 1)
  )`,

  // How far each reader of the feed of enrollment events has come.
  `create table enterprise_feed_positions (
    reader text primary key check (char_length(reader) between 1 and 100),
    cursor text not null,
    updated timestamptz not null
  )`,
]
