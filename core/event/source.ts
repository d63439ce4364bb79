import { sql } from 'kysely'
import type { ChangeKind } from '../enrollment/command.ts'
import { inRange, type FeedRange } from './cursor.ts'
import type { EventSource } from './row.ts'

// Parts of the events that are each found by one index. PostgreSQL does not look into a part for another plan (`offset 0`):
// where it expects many events to fit, it would rather look through the whole feed in its order.

/** The first events of a range. */
export function sourceOfRange(range: FeedRange, limit: number): EventSource {
  return sql`(select * from enrollment_events s where ${inRange('s', range)}
    order by s.transaction_id, s.id limit ${limit})`
}

/**
 * The events of a batch in its next transactions, each of which has one at least.
 *
 * @param page.limit null: in all of them.
 */
export function sourceOfBatch(
  batchId: string,
  { range, limit }: { readonly range: FeedRange; readonly limit: number | null },
): EventSource {
  const { after, through } = range
  return sql`(
    select s.* from (
      select transaction_id from (
        select distinct transaction_id from enrollment_events
        where batch_id = ${batchId}::uuid and transaction_id >= ${after.transaction}::text::xid8
          and transaction_id <= ${through.transaction}::text::xid8 offset 0
      ) of_batch order by transaction_id limit ${limit === null ? null : limit + 1}::bigint
    ) next cross join lateral (
      select * from enrollment_events s where s.batch_id = ${batchId}::uuid and s.transaction_id = next.transaction_id offset 0
    ) s offset 0
  )`
}

/** The events of some enrollments. */
export function sourceOfEnrollments(ids: readonly string[]): EventSource {
  return sql`(select * from enrollment_events s where s.enrollment_id = any (${ids}::bigint[]) offset 0)`
}

/** The next events of each kind; null where one of them is `created`, as most events are. */
export function sourceOfKinds(
  kinds: readonly ChangeKind[],
  { range, limit }: { readonly range: FeedRange; readonly limit: number },
): EventSource | null {
  if (kinds.includes('created')) return null
  const parts = [...new Set(kinds)].map(
    (kind) => sql`(select * from enrollment_events s where s.kind = ${kind} and ${inRange('s', range)}
      order by s.kind, s.transaction_id, s.id limit ${limit})`,
  )
  return sql`(${sql.join(parts, sql` union all `)})`
}
