import { CompiledQuery, type Kysely, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'

/** How far a reader of the feed has come. */
export interface Position {
  /** A cursor of the feed; undefined: its start. */
  readonly cursor: string | undefined
}

const START = ''

/** Where a reader is. */
export async function readPosition(db: Kysely<EnterpriseDB>, reader: string): Promise<Position> {
  const row = await db
    .selectFrom('enterprise_feed_positions')
    .select('cursor')
    .where('reader', '=', reader)
    .executeTakeFirst()
  return positionOf(row?.cursor ?? START)
}

/**
 * Locks the position of a reader until the transaction ends, so that one works at a time.
 *
 * @returns where it is; null: another transaction has it.
 */
export async function lockPosition(
  trx: Transaction<EnterpriseDB>,
  reader: string,
  at: string,
): Promise<Position | null> {
  const position = await lock(trx, reader)
  if (position !== null) return position
  await trx
    .insertInto('enterprise_feed_positions')
    .values({ reader, cursor: START, updated: at })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return lock(trx, reader)
}

async function lock(trx: Transaction<EnterpriseDB>, reader: string): Promise<Position | null> {
  const { rows } = await trx.executeQuery<{ cursor: string }>(CompiledQuery.raw(LOCK, [reader]))
  return rows[0] === undefined ? null : positionOf(rows[0].cursor)
}

const LOCK = `/* enterprise.lockPosition */
select cursor from enterprise_feed_positions where reader = $1::text for no key update skip locked`

/** Moves a reader whose position is locked. */
export async function movePosition(
  trx: Transaction<EnterpriseDB>,
  reader: string,
  { cursor, at }: { readonly cursor: string; readonly at: string },
): Promise<void> {
  await trx.updateTable('enterprise_feed_positions').set({ cursor, updated: at }).where('reader', '=', reader).execute()
}

function positionOf(cursor: string): Position {
  return { cursor: cursor === START ? undefined : cursor }
}
