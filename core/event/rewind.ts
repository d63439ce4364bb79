import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { ChangeKind } from '../enrollment/command.ts'
import { inRange, type FeedPosition, type FeedRange } from './cursor.ts'

/** Which events count. */
export interface RewoundEvents {
  /** Null: all kinds. */
  readonly kinds: readonly ChangeKind[] | null
  /** Whether only those count after which the enrollment is active. */
  readonly areActive: boolean
}

/**
 * Finds the place in the feed after which the last so many events of a range come.
 *
 * @returns the beginning of the range where it has no more than `count` of them.
 */
export async function rewind(
  db: Kysely<DB>,
  range: FeedRange,
  { kinds, areActive }: RewoundEvents,
  count: number,
): Promise<FeedPosition> {
  let query = db
    .selectFrom('enrollment_events as v')
    .select(['v.transaction_id as transaction', 'v.id'])
    .where(inRange('v', range))
    .where('v.is_imported', '=', false)
    .orderBy('v.transaction_id', 'desc')
    .orderBy('v.id', 'desc')
    .offset(count)
    .limit(1)
  if (kinds !== null) query = query.where(sql<boolean>`v.kind = any (${kinds}::text[])`)
  if (areActive) query = query.where('v.after_is_active', '=', true)
  return (await query.executeTakeFirst()) ?? range.after
}
