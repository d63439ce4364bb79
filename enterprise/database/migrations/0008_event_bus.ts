import { sql, type Kysely } from 'kysely'

/** The order in which revocations of learner credit are told on the event bus. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // bus_number: 1, 2, 3 … in the order in which they are told, given by what tells them; null: not yet; 0: somebody else has
  // told them. It outlives the cluster, whose transaction ids may be lower than those of the next one.
  `alter table enterprise_revocations add column bus_number bigint check (bus_number >= 0)`,
  `update enterprise_revocations set bus_number = 0 where request_id = 'import' and reason = 'imported'`,
  `create unique index enterprise_revocations_bus_number_key on enterprise_revocations (bus_number) where bus_number > 0`,
  `create index enterprise_revocations_untold_idx on enterprise_revocations (at, id)
    where bus_number is null and kind = 'transaction'`,
]
