import { sql, type Kysely } from 'kysely'
import { inTransaction } from '../database/transaction.ts'
import type { DB } from '../database/schema.ts'

/**
 * Finds lines of a file about the same learner and course run (bulk.md §2): of those that say the same the first one counts, of
 * those that say different things none does. PostgreSQL sorts them, on its disk where they are many.
 *
 * Names are compared as they are written: the same learner by username in one line and by e-mail address in another is two, and
 * the second line sees what the first one did.
 */
export async function compareLines(db: Kysely<DB>, jobId: string): Promise<void> {
  await inTransaction(db, async (trx) => {
    await sql`select set_config('statement_timeout', '0', true)`.execute(trx)
    await sql`/* bulk.compareLines */
      with said as (
        select c.number, l.index, l.pair, l.says, l.line
        from bulk_chunks c
        cross join lateral unnest(c.pairs, c.says, c.places) with ordinality as l (pair, says, line, index)
        where c.job_id = ${jobId}::uuid and l.pair <> 0
      ), compared as (
        select number, index, line,
          first_value(line) over same as first, lead(line) over same as next,
          min(says) over whole <> max(says) over whole as contradicts
        from said
        window same as (partition by pair order by line), whole as (partition by pair)
      ), faulty as (
        select number, jsonb_agg(jsonb_build_array(index - 1,
          case when contradicts then 'contradictingLine' else 'duplicateLine' end,
          case when line = first then next else first end) order by index) as faults
        from compared where contradicts or line <> first
        group by number
      )
      update bulk_chunks c set faults = f.faults from faulty f
      where c.job_id = ${jobId}::uuid and c.number = f.number`.execute(trx)
  })
}
