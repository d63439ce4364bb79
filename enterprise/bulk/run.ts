import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { retryOnSerializationFailure, withSavepoint } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { isConstraintViolation, isUnavailable } from '../failure.ts'
import { countsOf, type EnrollLearnersAnswer, type RowOutcome } from './answer.ts'
import { carryOut } from './enroll-segment.ts'
import { notAttempted, undoneOutcome } from './outcomes.ts'
import type { AskedRow } from './prepare.ts'
import type { Unit } from './unit.ts'

/** The most rows of a transaction that the tenant opens for rows that stand for themselves. */
const CHUNK = 1000

/**
 * Carries out a request: row for row, or with `strict` and `dryRun` as a whole. Inside a caller's transaction everything
 * happens there, under savepoints.
 */
export async function run(db: Kysely<DB>, asked: readonly AskedRow[], unit: Unit): Promise<EnrollLearnersAnswer> {
  const { batchId, requestId, order } = unit
  const isWhole = order.failureMode === 'strict' || order.dryRun
  const { rows, kept } = isWhole ? await runWhole(db, asked, unit) : await runEach(db, asked, unit)
  return { batchId, requestId, status: statusOf({ kept, dryRun: order.dryRun }), counts: countsOf(rows), rows }
}

interface Ran {
  readonly rows: RowOutcome[]
  /** Whether what was written stays. */
  readonly kept: boolean
}

function runWhole(db: Kysely<DB>, asked: readonly AskedRow[], unit: Unit): Promise<Ran> {
  const { dryRun, failureMode } = unit.order
  return retryOnSerializationFailure(db, () =>
    withSavepoint<Ran>(db, async (trx) => {
      const rows = await runIsolated(trx, asked, unit)
      const isFailed = failureMode === 'strict' && rows.some(({ ok }) => !ok)
      const keep = !isFailed && !dryRun
      return { keep, value: { rows: isFailed ? rows.map(notAttempted) : rows, kept: keep } }
    }),
  )
}

/** On a pool, rows stay whose chunk is through when the database goes away. */
async function runEach(db: Kysely<DB>, asked: readonly AskedRow[], unit: Unit): Promise<Ran> {
  const size = db.isTransaction ? asked.length : CHUNK
  const chunks: RowOutcome[][] = []
  for (let start = 0; start < asked.length; start += size) {
    try {
      chunks.push(await runIsolated(db, asked.slice(start, start + size), unit))
    } catch (error) {
      if (start === 0 || !isUnavailable(error)) throw error
      chunks.push(asked.slice(start).map((row) => undoneOutcome(row, 'busy')))
      break
    }
  }
  return { rows: chunks.flat(), kept: true }
}

/**
 * Carries out rows so that they can be taken back. A row that contradicts a constraint of the database is found by halving,
 * tried once more and refused alone (enterprise C.4 row 17).
 */
async function runIsolated(
  db: Kysely<DB>,
  asked: readonly AskedRow[],
  unit: Unit,
  { isRetry }: { readonly isRetry: boolean } = { isRetry: false },
): Promise<RowOutcome[]> {
  try {
    return await retryOnSerializationFailure(db, () =>
      withSavepoint(db, async (trx) => {
        const value = await carryOut(trx.$extendTables<EnterpriseTables>(), asked, unit)
        return { keep: true, value }
      }),
    )
  } catch (error) {
    if (!isConstraintViolation(error)) throw error
    unit.context.log?.error({ err: error, batchId: unit.batchId, rows: asked.length }, 'rows contradict the database')
    if (asked.length === 1 && isRetry) return asked.map((row) => undoneOutcome(row, 'conflict'))
    const half = Math.ceil(asked.length / 2)
    const first = await runIsolated(db, asked.slice(0, half), unit, { isRetry: true })
    if (half === asked.length) return first
    return first.concat(await runIsolated(db, asked.slice(half), unit, { isRetry: true }))
  }
}

function statusOf({ kept, dryRun }: { kept: boolean; dryRun: boolean }): EnrollLearnersAnswer['status'] {
  if (dryRun) return 'planned'
  return kept ? 'applied' : 'rolledBack'
}
