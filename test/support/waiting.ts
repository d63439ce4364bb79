import { sql, type Kysely } from 'kysely'
import { expect } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import { eventually } from './eventually.ts'

/** Until as many connections of this database wait for a lock. */
export async function untilWaiting(db: Kysely<DB>, count = 1): Promise<void> {
  await eventually(async () => {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
    expect(rows).toHaveLength(count)
  })
}
