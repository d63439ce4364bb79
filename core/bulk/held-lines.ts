import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import { inTransaction } from '../database/transaction.ts'
import { linesOf, outcomesOf, selectChunks, tellProgress, writeResults, ChunkGone } from './chunk.ts'
import { countsOf, unpackOutcomes } from './pack.ts'
import type { ChunkContext } from './source.ts'

/** How often lines are tried again whose rows somebody holds; then they have failed. */
const MAX_TRIES = 6

/** The longest pause between two tries. */
const MAX_PAUSE_MS = 15_000

/**
 * Tries the lines of one chunk again whose rows somebody held.
 *
 * @returns milliseconds after which there may be more to do; null: no such lines are left.
 */
export async function retryHeldLines(db: Kysely<DB>, context: ChunkContext): Promise<number | null> {
  const row = await selectChunks(db, context.job.id)
    .where('held', '>', 0)
    .where('tries', '<', MAX_TRIES)
    .clearOrderBy()
    .orderBy('tries')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return null
  const isLeft = await retryOnSerializationFailure(db, () => retryChunk(db, row, context))
  return isLeft ? Math.min(500 * 2 ** row.tries, MAX_PAUSE_MS) : 0
}

type ChunkRow = NonNullable<Awaited<ReturnType<ReturnType<typeof selectChunks>['executeTakeFirst']>>>

/** @returns whether some of them are still held. */
async function retryChunk(db: Kysely<DB>, row: ChunkRow, context: ChunkContext): Promise<boolean> {
  const { job } = context
  return inTransaction(db, async (trx) => {
    const claimed = await trx
      .updateTable('bulk_chunks')
      .set({ tries: row.tries + 1 })
      .where('job_id', '=', job.id)
      .where('number', '=', row.number)
      .where('tries', '=', row.tries)
      .returning('number')
      .executeTakeFirst()
    if (claimed === undefined) throw new ChunkGone('Somebody else was faster')
    const outcomes = unpackOutcomes(row.results ?? '[]')
    const held = outcomes.flatMap((result, index) => (!result.ok && result.error.code === 'unavailable' ? [index] : []))
    const lines = linesOf(row)
    const again = await outcomesOf(
      trx,
      held.flatMap((index) => lines[index] ?? []),
      { ...context, leavesHeld: true },
    )
    const byIndex = new Map(held.map((index, place) => [index, again[place]]))
    await writeResults(
      trx,
      job.id,
      row.number,
      outcomes.map((outcome, index) => byIndex.get(index) ?? outcome),
    )
    const counts = countsOf(again)
    const stillHeld = counts['unavailable'] ?? 0
    await tellProgress(trx, job.id, 0, { ...counts, unavailable: stillHeld - held.length })
    return stillHeld > 0
  })
}
