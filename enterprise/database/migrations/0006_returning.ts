import { sql, type Kysely } from 'kysely'

/** What the routes that end and show funding keep (enterprise-routes.md §3, §7): ledger, completions, several fulfilments. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // `api`: recorded by a request that named no funding.
  `alter table enterprise_enrollment_records
    drop constraint enterprise_enrollment_records_source_check,
    add constraint enterprise_enrollment_records_source_check check (source in ('customerAdmin', 'learner', 'api'))`,
  // The id under which another system knew the link, to whom it is shown; null: our own.
  `alter table enterprise_enrollment_records add column shown_link_id bigint check (shown_link_id > 0)`,
  `create index enterprise_enrollment_records_unenrolled_idx on enterprise_enrollment_records (unenrolled_at)
    where unenrolled_at is not null`,

  // One of a kind pays; those that were revoked stay. Null: no request made it, it was imported.
  `alter table enterprise_fulfilments
    drop constraint enterprise_fulfilments_record_id_kind_key,
    alter column batch_id drop not null`,
  `create unique index enterprise_fulfilments_paying_key on enterprise_fulfilments (record_id, kind) where revoked is null`,
  `create index enterprise_fulfilments_record_idx on enterprise_fulfilments (record_id)`,

  // Who has passed a course run, whose facts are brought here: this service knows no certificates.
  `create table enterprise_completions (
    learner_id integer not null references learners,
    course_key text not null check (char_length(course_key) between 1 and 255),
    passed_at timestamptz not null,
    primary key (learner_id, course_key)
  )`,
  // Whoever asks to be forgotten is forgotten here at once.
  `create function enterprise_forget_completions() returns trigger language plpgsql as $$
  begin
    delete from enterprise_completions where learner_id = new.learner_id;
    return null;
  end $$`,
  `create trigger enterprise_forget_completions after insert on retirements
    for each row execute function enterprise_forget_completions()`,

  // What is known of the transactions of ledgers. One that is not here is unconfirmed.
  `create table enterprise_ledger_transactions (
    uuid uuid primary key,
    state text not null check (state in ('committed', 'failed', 'reversed'))
  )`,
]
