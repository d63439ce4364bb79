import type { Kysely, Transaction } from 'kysely'
import { retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import { plainCommand, type CallMetadata, type EnrollmentCommand, type Result } from '../enrollment/command.ts'
import { enrollMany } from '../enrollment/enroll.ts'
import type { Policy } from '../policy.ts'
import { applyToPair, type PairOutcome } from './apply-to-pair.ts'
import { readManualCourses, type KnownCourse } from './courses.ts'
import { pairKey, readExistingState } from './existing-state.ts'
import { startPendingWrites, type Pair } from './pending-writes.ts'
import type { ManualCourse, ManualEnrollment, ManualResult } from './request.ts'
import {
  isIdentified,
  resolveIdentifiers,
  type IdentifiedLearner,
  type UnresolvedIdentifier,
} from './resolve-identifiers.ts'
import { writePending } from './write.ts'

/** Who enrolls others by hand. */
export interface ManualEnroller {
  /** The account. */
  readonly actorId: number
  readonly metadata: CallMetadata
  readonly policy: Policy
}

/**
 * Enrolls learners in course runs, or unenrolls them, without looking at modes, window and seats: staff answers for it
 * (rest-v1 §3.9). Those without an active account are allowed to enroll instead. Each pair of a learner and a course run
 * stands for itself, sees what the pairs before it did, and leaves a row in the audit where it succeeds. Everything is
 * written in one transaction, and the number of statements does not depend on the number of pairs.
 *
 * @returns for each course, in order, one result per identifier, in order.
 * @throws {EnrollmentError} `unavailable`
 */
export async function enrollManually(
  db: Kysely<DB>,
  request: ManualEnrollment,
  enroller: ManualEnroller,
): Promise<ManualResult[][]> {
  return retryOnSerializationFailure(db, () => inTransaction(db, (trx) => enrollInside(trx, request, enroller)))
}

async function enrollInside(
  trx: Transaction<DB>,
  request: ManualEnrollment,
  { actorId, metadata, policy }: ManualEnroller,
): Promise<ManualResult[][]> {
  const known = await readManualCourses(trx, request.courses)
  const named = await resolveIdentifiers(trx, request.identifiers)
  const learners = named.filter(isIdentified)
  const courseKeys = [...new Set(request.courses.map(({ key }) => key.stored))]
  const withCohorts = known.some((course) => course?.cohort)
  const existing = await readExistingState(trx, learners, courseKeys, { withCohorts })

  const pairs = pairsOf(request.courses, known, learners)
  const results = await changeEnrollments(trx, request, pairs, { metadata, policy })
  const writes = startPendingWrites(existing)
  const outcomes = pairs.map((pair) => {
    const isEnrolled = existing.enrolled.has(pairKey(pair.learner.key, pair.course.key.stored))
    return applyToPair(writes, request, pair, results.get(pair) ?? { isEnrolled })
  })
  const audit = outcomes.flatMap((outcome) => outcome.audit ?? [])
  await writePending(trx, writes, audit, { ...request, actorId, now: metadata.now })
  return arrange(known, named, outcomes.values())
}

/** Course by course, and the learners in their order. */
function pairsOf(
  courses: readonly ManualCourse[],
  known: readonly (KnownCourse | null)[],
  learners: readonly IdentifiedLearner[],
): Pair[] {
  return courses.flatMap((course, index) => {
    const found = known[index]
    return found ? learners.map((learner) => ({ course, known: found, learner })) : []
  })
}

/** Changes the enrollments of those who have an account; of those who are to be enrolled, an active one. */
async function changeEnrollments(
  trx: Transaction<DB>,
  { action, reason }: ManualEnrollment,
  pairs: readonly Pair[],
  { metadata, policy }: { metadata: CallMetadata; policy: Policy },
): Promise<Map<Pair, Result>> {
  const changing = pairs.filter(({ learner: { account } }) => account && (action === 'unenroll' || account.isActive))
  const items = changing.map(({ course, learner }) => ({
    command: commandFor(action, reason, course, learner),
    metadata,
  }))
  const results = await enrollMany(trx, items, policy)
  return new Map(changing.flatMap((pair, index) => (results[index] ? [[pair, results[index]] as const] : [])))
}

function commandFor(
  action: ManualEnrollment['action'],
  reason: string | null,
  { key }: ManualCourse,
  { account }: IdentifiedLearner,
): EnrollmentCommand {
  return {
    ...plainCommand,
    learner: { userId: String(account?.userId) },
    courseId: key.stored,
    path: action === 'enroll' ? 'admit' : 'change',
    isActive: action === 'enroll',
    reason,
  }
}

/** In a course run that does not exist everybody fails (rest-v1 D12). */
function arrange(
  known: readonly (KnownCourse | null)[],
  named: readonly (IdentifiedLearner | UnresolvedIdentifier)[],
  outcomes: Iterator<PairOutcome, undefined>,
): ManualResult[][] {
  return known.map((course) => named.map((learner) => (course ? resultOf(learner, outcomes) : noCourse(learner))))
}

function resultOf(
  named: IdentifiedLearner | UnresolvedIdentifier,
  outcomes: Iterator<PairOutcome, undefined>,
): ManualResult {
  if (!isIdentified(named)) return named.result
  const { value } = outcomes.next()
  if (value === undefined) throw new RangeError('Each learner has an outcome in each course')
  return value.result
}

function noCourse({ identifier }: { identifier: string }): ManualResult {
  return { identifier, kind: 'failed', because: 'courseNotFound' }
}
