import type { Kysely, Transaction } from 'kysely'
import { runsOwnedHere } from '../course/runs-by-owner.ts'
import type { DB } from '../database/schema.ts'
import { LOST_RACE, retryOnSerializationFailure, type LostRace } from '../database/retry.ts'
import { inTransaction } from '../database/transaction.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { isLearner } from '../learner/lookup-sql.ts'
import type { LearnerRef } from '../learner/ref.ts'
import type { Policy } from '../policy.ts'
import { plainCommand, type EnrollmentCommand, type Outcome, type CallMetadata } from './command.ts'
import { enrollWhole } from './enroll.ts'
import { listEnrollments } from './read.ts'

export interface Unenrolled {
  /** One for each enrollment that was active, oldest first. */
  readonly outcomes: Outcome[]
  /** The course runs of active enrollments that the LMS has to end. */
  readonly ownedByLms: string[]
}

/**
 * Deactivates all active enrollments of a learner in one transaction; their modes stay. Those in course runs of the LMS are left
 * to it, and named (adoption.md §3).
 *
 * @throws {EnrollmentError} `learnerNotFound`
 */
export async function unenrollAll(
  db: Kysely<DB>,
  learner: LearnerRef,
  { reason, metadata, policy }: { reason: string | null; metadata: CallMetadata; policy: Policy },
): Promise<Unenrolled> {
  return retryOnSerializationFailure(db, () =>
    inTransaction(db, (trx) => deactivateAll(trx, learner, { reason, metadata, policy })),
  )
}

async function deactivateAll(
  trx: Transaction<DB>,
  learner: LearnerRef,
  { reason, metadata, policy }: { reason: string | null; metadata: CallMetadata; policy: Policy },
): Promise<Unenrolled | LostRace> {
  const account = await trx
    .selectFrom('learners as l')
    .select('l.id')
    .where((eb) => isLearner(eb, learner))
    .executeTakeFirst()
  if (account === undefined) throw new EnrollmentError(failure('learnerNotFound', learner))
  const active = await listEnrollments(trx, learner, { includeInactive: false })
  const keys = active.map(({ courseId }) => courseId)
  const here = new Set(await runsOwnedHere(trx, keys))
  const ownedByLms = keys.filter((key) => !here.has(key))
  if (here.size === 0) return { outcomes: [], ownedByLms }
  const items = [...here].map((courseId) => ({ command: deactivation(learner, courseId, reason), metadata }))
  const { results } = await enrollWhole(trx, items, policy, { strict: true, dryRun: false })
  if (results.some((result) => !result.ok && result.error.code === 'ownedByLms')) return LOST_RACE
  const outcomes = results.flatMap((result) => {
    if (!result.ok) throw new EnrollmentError(result.error)
    return result.outcome.kind === 'deactivated' ? [result.outcome] : []
  })
  return { outcomes, ownedByLms }
}

function deactivation(learner: LearnerRef, courseId: string, reason: string | null): EnrollmentCommand {
  return { ...plainCommand, learner, courseId, path: 'change', isActive: false, reason }
}
