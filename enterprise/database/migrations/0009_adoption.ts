import { sql, type Kysely } from 'kysely'

/** What the tables of edx-enterprise say beyond ours, for a platform that moves (adoption.md §1, lms.md A.6). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const OTHER_SOURCES = `'manual', 'offerRedemption', 'enrollmentTask', 'managementCommand'`

const statements = [
  // is_active: one that is not enrolls nobody. enable_autocohorting: whoever is enrolled for it may be put into a cohort.
  `alter table enterprise_customers
    add column is_active boolean not null default true,
    add column enable_autocohorting boolean not null default false`,

  // shown_id: the id under which another system knew the link; null: our own. is_created_known: that system has told since
  // when the learner is linked.
  `alter table enterprise_learner_links
    add column shown_id bigint check (shown_id > 0),
    add column is_created_known boolean not null default false`,

  `alter table enterprise_enrollment_records
    drop constraint enterprise_enrollment_records_source_check,
    add constraint enterprise_enrollment_records_source_check
      check (source in ('customerAdmin', 'learner', 'api', ${OTHER_SOURCES}))`,

  // batch_id: null: no request asked for it, it was imported. salesforce_id: that of such a row; of others the batch has it.
  `alter table enterprise_pending_enrollments
    alter column batch_id drop not null,
    add column cohort text check (char_length(cohort) between 1 and 255),
    add column salesforce_id text,
    drop constraint enterprise_pending_enrollments_source_check,
    add constraint enterprise_pending_enrollments_source_check
      check (source in ('customerAdmin', 'learner', 'api', ${OTHER_SOURCES}))`,

  // is_removed: no enrollment comes of it any more; those that did stay known.
  `alter table enterprise_default_intentions add column is_removed boolean not null default false`,
]
