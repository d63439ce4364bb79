import type { Kysely } from 'kysely'
import { waitPatiently } from '../database/lock-wait.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction, withSavepoint } from '../database/transaction.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { linesOf, outcomesOf, selectChunks, tellProgress, writeResults } from './chunk.ts'
import type { LineOutcome } from './job.ts'
import { countsOf } from './pack.ts'
import type { JobRow } from './row.ts'
import type { ChunkContext } from './source.ts'

/** The most lines of a job that is one transaction. */
const MAX_STRICT_LINES = 100_000

/**
 * Refuses a strict job of too many lines while they are read: nothing was done then.
 *
 * @throws {EnrollmentError} `batchTooLarge`
 */
export function checkStrictSize({ failure_mode: mode }: Pick<JobRow, 'failure_mode'>, lines: number): void {
  if (mode !== 'strict' || lines <= MAX_STRICT_LINES) return
  throw new EnrollmentError(failure('batchTooLarge', { limit: MAX_STRICT_LINES }))
}

/**
 * Carries out all lines of a job in one transaction: all of them are kept, or where one fails none, and those that were good
 * have not been attempted.
 */
export async function runStrictly(db: Kysely<DB>, context: ChunkContext): Promise<void> {
  const { job } = context
  await retryOnSerializationFailure(db, () =>
    inTransaction(db, async (trx) => {
      await waitPatiently(trx, db)
      const chunks = await withSavepoint(trx, async () => {
        const done: { number: number; outcomes: LineOutcome[] }[] = []
        const keeping = { ...context, job: { ...job, is_dry_run: false }, leavesHeld: false }
        for (let from = 0; ;) {
          const row = await selectChunks(trx, job.id).where('number', '>=', from).limit(1).executeTakeFirst()
          if (row === undefined) break
          done.push({ number: row.number, outcomes: await outcomesOf(trx, linesOf(row), keeping) })
          from = row.number + 1
        }
        return { keep: !job.is_dry_run && done.every(({ outcomes }) => outcomes.every(({ ok }) => ok)), value: done }
      })
      const isGood = chunks.every(({ outcomes }) => outcomes.every(({ ok }) => ok))
      for (const { number, outcomes } of chunks) {
        const told = isGood ? outcomes : outcomes.map(notAttempted)
        await writeResults(trx, job.id, number, told)
        await tellProgress(trx, job.id, told.length, countsOf(told))
      }
    }),
  )
}

function notAttempted(outcome: LineOutcome): LineOutcome {
  return outcome.ok ? { ok: false, error: failure('notAttempted', {}) } : outcome
}
