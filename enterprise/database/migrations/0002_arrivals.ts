import { sql, type Kysely } from 'kysely'

/** How the extension notices that an address has an account, through whichever API that came. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Accounts that got an address for which a link is open. Whoever writes an account only adds a row here: it waits for
  // no operation of the extension, and none of them waits for it.
  `create table enterprise_arrivals (
    id bigint generated always as identity primary key,
    learner_id integer not null references learners
  )`,
  `create index enterprise_arrivals_learner_idx on enterprise_arrivals (learner_id)`,

  // taken_by: the account to which the link was passed on; null: the link is open.
  `alter table enterprise_pending_links add column taken_by integer references learners`,
  `create index enterprise_pending_links_open_idx on enterprise_pending_links (email) where taken_by is null`,
  // Pages of what a customer waits for, by address.
  `create index enterprise_pending_links_customer_email_idx on enterprise_pending_links (customer_id, email)`,
  `drop index enterprise_pending_links_customer_idx`,

  // What became of a row that was carried out. carried_out_in: the batch of it; batch_id names the request that asked.
  `alter table enterprise_pending_enrollments
    add column enrollment_id bigint references enrollments,
    add column carried_out_in uuid references enterprise_batches`,

  // Once for a statement, however many accounts it writes. The limit makes it look up the address of each in an index, and
  // all indexes that it can use begin with the address, whatever the sizes of the tables were when the plan was made.
  `create function enterprise_notice_accounts() returns trigger language plpgsql as $$
  begin
    insert into enterprise_arrivals (learner_id)
    select a.id from arrived a
    cross join lateral (
      select from enterprise_pending_links k where k.email = lower(a.email) and k.taken_by is null limit 1
    ) open;
    return null;
  end $$`,
  `create trigger enterprise_learners_inserted after insert on learners
    referencing new table as arrived for each statement execute function enterprise_notice_accounts()`,
  `create trigger enterprise_learners_updated after update on learners
    referencing new table as arrived for each statement execute function enterprise_notice_accounts()`,
]
