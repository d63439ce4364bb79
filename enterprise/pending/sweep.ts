import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** Where a sweep begins. */
export const SWEEP_START = ''

export interface Sweep {
  /** Where the next one goes on; {@link SWEEP_START} once all links were looked at. */
  readonly after: string
  /** How many accounts were found. */
  readonly found: number
}

/**
 * Looks whether addresses with open links have accounts, and lets those accounts arrive. The trigger of the accounts does
 * not see a link that is not committed yet, nor does who writes the link see such an account: where both come at once,
 * this is what brings them together.
 *
 * @param page.after a place that an earlier sweep returned.
 * @param page.limit how many links are looked at.
 */
export async function sweepOpenLinks(
  db: Kysely<DB>,
  { after, limit }: { after: string; limit: number },
): Promise<Sweep> {
  const { rows } = await db.executeQuery<{ last: string | null; size: number; found: number }>(
    CompiledQuery.raw(SWEEP, [after, limit]),
  )
  const [page] = rows
  if (page === undefined) throw new RangeError('A sweep tells how far it came')
  return { after: page.size < limit ? SWEEP_START : (page.last ?? SWEEP_START), found: page.found }
}

// An account that arrives takes all links of its address, also those beyond the page.
const SWEEP = `/* enterprise.sweepOpenLinks */
with page as materialized (
  select email from enterprise_pending_links where taken_by is null and email > $1::text order by email limit $2::integer
), found as (
  insert into enterprise_arrivals (learner_id)
  select distinct l.id from page join learners l on fold_email(l.email) = page.email
  where not exists (select from enterprise_arrivals a where a.learner_id = l.id)
  returning 1
)
select (select max(email) from page) as last, (select count(*)::integer from page) as size,
  (select count(*)::integer from found) as found`
