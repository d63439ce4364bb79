import { unpackLines } from '../pack.ts'
import type { PlanSource } from '../source.ts'

/** The lines of a roster that came as items. */
export const itemsSource: PlanSource = {
  isStable: true,
  async *read(db, { id }) {
    for (let number = 0; ; number += 1) {
      const row = await db
        .selectFrom('bulk_rosters')
        .select('lines')
        .where('job_id', '=', id)
        .where('number', '=', number)
        .executeTakeFirst()
      if (row === undefined) return
      yield { lines: unpackLines(row.lines) }
    }
  },
}
