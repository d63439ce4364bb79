import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { inTransaction } from '../../core/database/transaction.ts'
import { importLines } from '../../core/import-export/import.ts'
import { demoLines } from './lines.ts'

/** Learners and an open course run of the demo catalogue, not enrolled in it yet: for a first try of each way in. */
export const demoExample = {
  rest: { username: 'alice', courseId: 'course-v1:edX+DemoX+2026' },
  cli: { username: 'bob', courseId: 'course-v1:edX+DemoX+2026' },
} as const

/**
 * Fills an empty database with the demo catalogue, in one transaction. Of several processes that call it at once, one
 * works, and the others wait and find nothing to do. All dates are relative to now.
 *
 * @returns whether this call has loaded it; false when there is any account or course run already.
 */
export async function loadDemoCatalogueIfEmpty(db: Kysely<DB>): Promise<boolean> {
  return inTransaction(db, async (trx) => {
    // The others wait for as long as it takes.
    await sql`set local lock_timeout = 0`.execute(trx)
    await sql`select pg_advisory_xact_lock(hashtextextended('demo catalogue', 0))`.execute(trx)
    if (!(await isEmpty(trx))) return false
    const now = new Date()
    await importLines(trx, source(now), {
      strict: true,
      now,
      actor: { kind: 'system', name: 'demo' },
      onFailure: ({ line, reason }) => {
        throw new Error(`The demo catalogue is wrong: line ${line}: ${reason}`)
      },
    })
    return true
  })
}

async function isEmpty(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await sql<{ empty: boolean }>`
    select not exists (select from learners) and not exists (select from courses) as empty`.execute(db)
  return rows[0]?.empty === true
}

async function* source(now: Date): AsyncGenerator<string> {
  for (const line of demoLines(now)) yield `${JSON.stringify(line)}\n`
}
