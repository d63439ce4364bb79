import { sql, type Kysely } from 'kysely'

/**
 * The whole data model of the first release.
 *
 * Integer keys inside, text keys only at the doors, so that the large tables and their indexes stay small. Names that
 * come from outside without a promise that they exist (allowances, roles) keep their text key instead of a reference.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table learners (
    id integer generated always as identity primary key,
    username text not null unique check (char_length(username) between 1 and 150),
    email text check (char_length(email) between 1 and 254),
    name text not null default '',
    is_active boolean not null default true,
    is_staff boolean not null default false,
    is_superuser boolean not null default false,
    country text check (country ~ '^[A-Z]{2}$'),
    year_of_birth smallint,
    created timestamptz not null default now()
  )`,
  `create unique index learners_email_key on learners (lower(email))`,

  `create table courses (
    id integer generated always as identity primary key,
    course_key text not null unique check (char_length(course_key) between 1 and 255),
    org text not null,
    display_name text,
    starts timestamptz,
    ends timestamptz,
    enrollment_start timestamptz,
    enrollment_end timestamptz,
    invitation_only boolean not null default false,
    max_enrollments integer check (max_enrollments >= 0),
    self_paced boolean not null default false,
    seat_lock integer not null default 0
  )`,

  `create table course_modes (
    id integer generated always as identity primary key,
    course_id integer not null references courses,
    slug text not null check (char_length(slug) between 1 and 100),
    name text not null,
    min_price integer not null default 0 check (min_price >= 0),
    suggested_prices text not null default '',
    currency text not null default 'usd' check (currency = lower(currency)),
    expires timestamptz,
    description text,
    sku text,
    bulk_sku text,
    unique (course_id, slug, currency),
    check (expires is null or slug not in ('professional', 'no-id-professional'))
  )`,

  // One row per learner and course. The version counts the changes of mode and activation and is the optimistic lock.
  `create table enrollments (
    id bigint generated always as identity primary key,
    learner_id integer not null references learners,
    course_id integer not null references courses,
    version integer not null default 1 check (version >= 1),
    is_active boolean not null,
    mode text not null check (char_length(mode) between 1 and 100),
    created timestamptz not null,
    updated timestamptz not null,
    unique (learner_id, course_id)
  )`,
  // Serves the seat count of a capped course without touching the table, and pages of one course.
  `create index enrollments_course_created_idx on enrollments (course_id, created, id) include (learner_id, is_active)`,
  `create index enrollments_created_idx on enrollments (created, id)`,

  `create table enrollment_attributes (
    enrollment_id bigint not null references enrollments on delete cascade,
    position smallint not null,
    namespace text not null check (char_length(namespace) <= 255),
    name text not null check (char_length(name) <= 255),
    value text not null check (char_length(value) <= 255),
    primary key (enrollment_id, position)
  )`,

  // Audit, history and outbox in one append-only table. Readers of the feed order by (transaction_id, id) and take only
  // rows of transactions that ended before every transaction still running, so that a late commit is never skipped.
  `create table enrollment_events (
    transaction_id xid8 not null default pg_current_xact_id(),
    id bigint generated always as identity,
    enrollment_id bigint not null references enrollments,
    version integer not null check (version >= 1),
    kind text not null check (kind in ('created', 'reactivated', 'modeChanged', 'deactivated')),
    before_mode text,
    before_is_active boolean,
    after_mode text not null,
    after_is_active boolean not null,
    actor_kind text not null check (actor_kind in ('service', 'user', 'system')),
    actor_name text not null check (actor_name <> ''),
    via text not null check (via in ('rest', 'rpc', 'caller', 'bulk', 'cli')),
    reason text,
    enterprise_uuid text,
    request_id text,
    batch_id uuid,
    at timestamptz not null,
    primary key (transaction_id, id),
    unique (enrollment_id, version),
    check ((before_mode is null) = (kind = 'created') and (before_mode is null) = (before_is_active is null))
  )`,

  // "Enrollment allowed": lets the holder of an e-mail address in, outside the window or into an invitation-only course.
  `create table enrollment_allowances (
    id integer generated always as identity primary key,
    email text not null check (char_length(email) between 1 and 255),
    course_key text not null check (char_length(course_key) between 1 and 255),
    auto_enroll boolean not null default false,
    claimed_by integer references learners,
    created timestamptz not null default now()
  )`,
  `create unique index enrollment_allowances_email_course_key on enrollment_allowances (lower(email), course_key)`,

  `create table cohorts (
    id integer generated always as identity primary key,
    course_id integer not null references courses,
    name text not null check (char_length(name) between 1 and 255),
    unique (course_id, name),
    unique (id, course_id)
  )`,
  // A learner is in at most one cohort of a course.
  `create table cohort_members (
    course_id integer not null,
    learner_id integer not null references learners,
    cohort_id integer not null,
    primary key (course_id, learner_id),
    foreign key (cohort_id, course_id) references cohorts (id, course_id)
  )`,
  `create index cohort_members_cohort_idx on cohort_members (cohort_id)`,

  // course_key is null for a role in the whole organisation.
  `create table roles (
    id integer generated always as identity primary key,
    learner_id integer not null references learners,
    role text not null check (char_length(role) between 1 and 64),
    org text not null,
    course_key text,
    unique nulls not distinct (learner_id, role, org, course_key)
  )`,
  `create index roles_course_idx on roles (course_key, role) include (learner_id)`,

  `create table retirements (
    id integer generated always as identity primary key,
    learner_id integer not null unique references learners,
    original_username text not null unique,
    state text not null check (char_length(state) between 1 and 30),
    updated timestamptz not null default now()
  )`,

  `create table email_optins (
    learner_id integer not null references learners,
    org text not null,
    value text not null,
    updated timestamptz not null default now(),
    primary key (learner_id, org)
  )`,

  `create table embargo_rules (
    course_id integer primary key references courses,
    whitelist text[] not null default '{}',
    blacklist text[] not null default '{}',
    message_key text not null default 'default' check (char_length(message_key) between 1 and 255)
  )`,

  `create table api_keys (
    id integer generated always as identity primary key,
    name text not null unique check (char_length(name) between 1 and 255),
    key_sha256 bytea not null unique check (octet_length(key_sha256) = 32),
    created timestamptz not null default now(),
    revoked timestamptz
  )`,
]
