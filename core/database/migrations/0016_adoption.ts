import { sql, type Kysely } from 'kysely'

/** What a platform brings along when it moves here, and who owns its course runs meanwhile (adoption.md). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Who writes the enrollments of a course run: this service, or the LMS that it follows. leaving: nobody, on the way to the LMS,
  // until the last changes from here have arrived there.
  `alter table courses add column owner text not null default 'here' check (owner in ('here', 'leaving', 'lms'))`,

  // course_key: the account is enrolled in this course run alone, as soon as it is owned here; null: in all that allowances say.
  `alter table auto_enrollment_arrivals add column course_key text`,

  // joined: when the account was made where it comes from; null: nobody has said. is_disabled: staff has locked it out, which is
  // another thing than an account that is not activated.
  `alter table learners add column joined timestamptz, add column is_disabled boolean not null default false`,

  // When the allowance was made where it comes from; null: nobody has said.
  `alter table enrollment_allowances add column made timestamptz`,

  // What happened before the data came here: whoever relays events leaves these out.
  `alter table enrollment_events add column is_imported boolean not null default false`,

  // lms_id: the id of the row in the LMS. agreed_version: the version of the enrollment that says the same as the LMS; a higher
  // one was changed here since. Rows of enrollments that the LMS knows, or that were brought with an id.
  `create table enrollment_lms_ids (
    enrollment_id bigint primary key,
    lms_id integer unique check (lms_id >= 1),
    agreed_version integer check (agreed_version >= 1)
  )`,

  // The audit of an LMS lacks what ours always has.
  `alter table manual_enrollments alter column actor_id drop not null, alter column created drop not null,
    add column role text check (char_length(role) <= 64)`,

  `alter table retirements add column original_email text check (char_length(original_email) between 1 and 254)`,
  `create index retirements_original_email_idx on retirements (fold_email(original_email)) where original_email is not null`,
  // Whoever has asked to be retired: stays when the retirement is over.
  `create table retirement_requests (
    learner_id integer primary key references learners,
    created timestamptz
  )`,

  // Countries that no course run lets in; addresses that are let in, or kept out, whatever their country.
  `create table embargo_countries (country text primary key check (country ~ '^[A-Z]{2}$'))`,
  `create table embargo_addresses (
    network cidr primary key,
    is_allowed boolean not null
  )`,
]
