import type { Kysely, Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import { inTransaction } from '../database/transaction.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { isLearner } from '../learner/lookup-sql.ts'
import type { LearnerRef } from '../learner/ref.ts'
import type { Policy } from '../policy.ts'
import { plainCommand, type EnrollmentCommand, type Outcome, type CallMetadata } from './command.ts'
import { enrollWhole } from './enroll.ts'
import { listEnrollments } from './read.ts'

/**
 * Deactivates all active enrollments of a learner in one transaction; their modes stay.
 *
 * @returns one outcome per enrollment that was active, oldest first.
 * @throws {EnrollmentError} `learnerNotFound`
 */
export async function unenrollAll(
  db: Kysely<DB>,
  learner: LearnerRef,
  { reason, metadata, policy }: { reason: string | null; metadata: CallMetadata; policy: Policy },
): Promise<Outcome[]> {
  return retryOnSerializationFailure(db, () =>
    inTransaction(db, (trx) => deactivateAll(trx, learner, { reason, metadata, policy })),
  )
}

async function deactivateAll(
  trx: Transaction<DB>,
  learner: LearnerRef,
  { reason, metadata, policy }: { reason: string | null; metadata: CallMetadata; policy: Policy },
): Promise<Outcome[]> {
  const account = await trx
    .selectFrom('learners as l')
    .select('l.id')
    .where((eb) => isLearner(eb, learner))
    .executeTakeFirst()
  if (account === undefined) throw new EnrollmentError(failure('learnerNotFound', learner))
  const active = await listEnrollments(trx, learner, { includeInactive: false })
  if (active.length === 0) return []
  const items = active.map(({ courseId }) => ({ command: deactivation(learner, courseId, reason), metadata }))
  const { results } = await enrollWhole(trx, items, policy, { strict: true, dryRun: false })
  return results.flatMap((result) => {
    if (!result.ok) throw new EnrollmentError(result.error)
    return result.outcome.kind === 'deactivated' ? [result.outcome] : []
  })
}

function deactivation(learner: LearnerRef, courseId: string, reason: string | null): EnrollmentCommand {
  return { ...plainCommand, learner, courseId, path: 'change', isActive: false, reason }
}
