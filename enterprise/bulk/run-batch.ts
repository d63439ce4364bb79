import type { Kysely, Transaction } from 'kysely'
import { EnrollmentError, failure } from '../../core/errors.ts'
import { retryOnSerializationFailure, withSavepoint } from '../../routers/extension.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { isConstraintViolation, isUnavailable } from '../failure.ts'
import { runAtomically } from '../operation.ts'
import { countsOf, type EnrollLearnersAnswer, type RowOutcome } from './answer.ts'
import type { BatchContext } from './batch-context.ts'
import { enrollRows } from './enroll-rows.ts'
import { notAttempted, undoneOutcome } from './outcomes.ts'
import type { NumberedRow } from './rows.ts'

/** The most rows of a transaction of its own, where rows stand for themselves. */
const CHUNK = 1000

/**
 * Enrolls the rows of a batch: each for itself, or with `strict` and `dryRun` as a whole. Inside a caller's transaction
 * everything happens there, under savepoints.
 */
export async function runBatch(
  db: Kysely<EnterpriseDB>,
  numbered: readonly NumberedRow[],
  batch: BatchContext,
): Promise<EnrollLearnersAnswer> {
  const { batchId, requestId, options } = batch
  const isWhole = options.failureMode === 'strict' || options.dryRun
  const { rows, kept } = isWhole ? await runWhole(db, numbered, batch) : await runEach(db, numbered, batch)
  return { batchId, requestId, status: statusOf({ kept, dryRun: options.dryRun }), counts: countsOf(rows), rows }
}

interface Ran {
  readonly rows: RowOutcome[]
  /** Whether what was written stays. */
  readonly kept: boolean
}

function runWhole(db: Kysely<EnterpriseDB>, numbered: readonly NumberedRow[], batch: BatchContext): Promise<Ran> {
  const { dryRun, failureMode } = batch.options
  const attempt = () =>
    withSavepoint<Ran, EnterpriseDB>(db, async (trx) => {
      const rows = await runIsolated(trx, numbered, batch)
      const isFailed = failureMode === 'strict' && rows.some(({ ok }) => !ok)
      const keep = !isFailed && !dryRun
      return { keep, value: { rows: isFailed ? rows.map(notAttempted) : rows, kept: keep } }
    })
  return retryOnSerializationFailure(db, attempt, batch.cancellation)
}

/** On a pool, rows stay whose chunk has committed when the database goes away, or the time is over. */
async function runEach(db: Kysely<EnterpriseDB>, numbered: readonly NumberedRow[], batch: BatchContext): Promise<Ran> {
  const size = db.isTransaction ? numbered.length : CHUNK
  const chunks: RowOutcome[][] = []
  for (let start = 0; start < numbered.length; start += size) {
    if (batch.cancellation?.isCancelled) throw new EnrollmentError(failure('unavailable', {}))
    try {
      if (batch.isOverdue()) throw new EnrollmentError(failure('unavailable', {}))
      chunks.push(await runIsolated(db, numbered.slice(start, start + size), batch))
    } catch (error) {
      if (!isUnavailable(error) || (start === 0 && !batch.isOverdue())) throw error
      chunks.push(numbered.slice(start).map((row) => undoneOutcome(row, 'busy')))
      break
    }
  }
  return { rows: chunks.flat(), kept: true }
}

/**
 * Enrolls rows so that they can be taken back. A row that contradicts a constraint of the database is found by halving, tried
 * once more and refused alone (enterprise C.4 row 17).
 */
async function runIsolated(
  db: Kysely<EnterpriseDB>,
  numbered: readonly NumberedRow[],
  batch: BatchContext,
  { isRetry }: { readonly isRetry: boolean } = { isRetry: false },
): Promise<RowOutcome[]> {
  try {
    const enroll = async (trx: Transaction<EnterpriseDB>) => {
      const outcomes = await enrollRows(trx, numbered, batch)
      if (batch.isGivenUp() || batch.isOverdue()) throw new EnrollmentError(failure('unavailable', {}))
      return outcomes
    }
    return await runAtomically(db, enroll, batch.cancellation)
  } catch (error) {
    if (!isConstraintViolation(error)) throw error
    batch.context.log?.error(
      { err: error, batchId: batch.batchId, rows: numbered.length },
      'rows contradict the database',
    )
    if (numbered.length === 1 && isRetry) return numbered.map((row) => undoneOutcome(row, 'conflict'))
    const half = Math.ceil(numbered.length / 2)
    const first = await runIsolated(db, numbered.slice(0, half), batch, { isRetry: true })
    if (half === numbered.length) return first
    return first.concat(await runIsolated(db, numbered.slice(half), batch, { isRetry: true }))
  }
}

function statusOf({ kept, dryRun }: { kept: boolean; dryRun: boolean }): EnrollLearnersAnswer['status'] {
  if (dryRun) return 'planned'
  return kept ? 'applied' : 'rolledBack'
}
