import type { Kysely, Transaction } from 'kysely'
import { isLockTimeout } from '../database/failure.ts'
import type { DB } from '../database/schema.ts'
import { withSavepoint } from '../database/transaction.ts'
import type { attemptBatch } from '../enrollment/batch.ts'
import type { BatchItem, CallMetadata, EnrollmentCommand, Result } from '../enrollment/command.ts'
import { enrollMany } from '../enrollment/enroll.ts'
import { changeCommand, enrollCommand } from '../enrollment/item-command.ts'
import { writePrepared, type PreparedBatch } from '../enrollment/prepare.ts'
import { failure } from '../errors.ts'
import { withCohorts } from './cohorts.ts'
import type { BulkItem, BulkLine, LineOutcome } from './job.ts'
import type { JobRow } from './row.ts'
import type { ChunkContext, JobKind } from './source.ts'

/** What every change of a job is recorded with. */
export function metadataOf(job: JobRow): CallMetadata {
  return {
    actor: { kind: job.actor_kind as CallMetadata['actor']['kind'], name: job.actor_name },
    via: 'bulk',
    now: new Date(),
    requestId: job.request_id ?? undefined,
    batchId: job.id,
  }
}

/** The command of a line; the reason of the job is that of each line without one. */
export function commandOf(item: BulkItem, { action, reason }: Pick<JobRow, 'action' | 'reason'>): EnrollmentCommand {
  const withReason = item.reason === undefined && reason !== null ? { ...item, reason } : item
  if (action === 'change') return changeCommand(withReason)
  if (action === 'unenroll') return changeCommand({ ...withReason, mode: undefined, isActive: false })
  return enrollCommand(withReason)
}

/** The items of lines, none of which has an error. */
export function batchOf(lines: readonly BulkLine[], { job, metadata }: ChunkContext): BatchItem[] {
  return lines.flatMap(({ item }) => (item === null ? [] : { command: commandOf(item, job), metadata }))
}

export interface ApplyOptions extends ChunkContext {
  readonly carryOut: JobKind['carryOut']
  /** What was decided beforehand, where nothing has come in between. */
  readonly prepared?: PreparedBatch | undefined
  /** Whether lines that need a row that somebody holds are left, so that the others need not wait. */
  readonly leavesHeld: boolean
}

/** Carries out lines without errors in the transaction of their chunk. */
export async function applyLines(
  trx: Transaction<DB>,
  lines: readonly BulkLine[],
  options: ApplyOptions,
): Promise<LineOutcome[]> {
  if (lines.length === 0) return []
  if (options.leavesHeld) return applyAround(trx, lines, options)
  return applyAll(trx, lines, options)
}

async function applyAll(
  trx: Transaction<DB>,
  lines: readonly BulkLine[],
  { carryOut, prepared, ...context }: ApplyOptions,
): Promise<LineOutcome[]> {
  if (carryOut !== undefined) return carryOut(trx, lines, context)
  if (lines.some(({ item }) => item?.cohort !== undefined)) {
    return withCohorts(trx, lines, async (possible) =>
      (await enrollMany(trx, batchOf(possible, context), context.policy)).map(outcomeOf),
    )
  }
  const first = prepared && attemptPrepared(prepared)
  return (await enrollMany(trx, batchOf(lines, context), context.policy, first)).map(outcomeOf)
}

function attemptPrepared(prepared: PreparedBatch): typeof attemptBatch {
  return (db: Kysely<DB>, items, policy) => writePrepared(db, items, policy, prepared)
}

function outcomeOf(result: Result): LineOutcome {
  return result.ok ? { ok: true, outcome: result.outcome } : result
}

/** Divides the lines until those are found that would have to wait. */
async function applyAround(
  trx: Transaction<DB>,
  lines: readonly BulkLine[],
  options: ApplyOptions,
): Promise<LineOutcome[]> {
  const { prepared: _, ...unprepared } = options
  try {
    return await withSavepoint(trx, async () => ({ keep: true, value: await applyAll(trx, lines, unprepared) }))
  } catch (error) {
    if (!isLockTimeout(error)) throw error
    if (lines.length === 1) return [{ ok: false, error: failure('unavailable', {}) }]
    const middle = Math.ceil(lines.length / 2)
    const first = await applyAround(trx, lines.slice(0, middle), options)
    return [...first, ...(await applyAround(trx, lines.slice(middle), options))]
  }
}
