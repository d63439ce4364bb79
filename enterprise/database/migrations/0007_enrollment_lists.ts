import { sql, type Kysely } from 'kysely'

/** What a row that waits keeps of how it was asked for (enterprise-routes.md §2.6). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // source: what the record will say. when_enrolled: what the row does to an enrollment that exists by then.
  `alter table enterprise_pending_enrollments
    add column source text not null default 'customerAdmin' check (source in ('customerAdmin', 'api')),
    add column when_enrolled text not null default 'update' check (when_enrolled in ('update', 'upgrade'))`,
]
