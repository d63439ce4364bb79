import { HISTORY } from '../../import/enrollments/lms-enrollment.ts'
import type { LmsSource } from '../../source/source.ts'

/** How long it is believed whether there is an index, in milliseconds. */
const BELIEVED_MS = 300_000

/** Makes what finds out what somebody should know who looks after the LMS; null: nothing. */
export function remarksOnHistory(): (source: LmsSource, costMs: number) => Promise<string | null> {
  let known = { hasIndex: false, at: -Infinity }
  return async (source, costMs) => {
    if ((await source.columns(HISTORY)).size === 0) {
      return `the LMS has no ${HISTORY}: the comparison of each night finds changes`
    }
    if (performance.now() - known.at > BELIEVED_MS) known = { hasIndex: await hasIndex(source), at: performance.now() }
    if (known.hasIndex) return null
    const statement = `create index history_date on ${HISTORY} (history_date)`
    return `history_date has no index, so that each look reads all of the history, in ${(costMs / 1_000).toFixed(2)} s: ${statement}`
  }
}

async function hasIndex(source: LmsSource): Promise<boolean> {
  const rows = await source.query(
    `select index_name as name from information_schema.statistics
      where table_schema = database() and table_name = ? and column_name = 'history_date' and seq_in_index = 1`,
    [HISTORY],
  )
  return rows.length > 0
}
