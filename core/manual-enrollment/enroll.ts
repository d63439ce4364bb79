import type { Kysely, Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import { inTransaction } from '../database/transaction.ts'
import { plainCommand, type EnrollmentCommand, type Result, type CallMetadata } from '../enrollment/command.ts'
import { enrollMany } from '../enrollment/enroll.ts'
import type { Policy } from '../policy.ts'
import { readManualCourses, type KnownCourse } from './courses.ts'
import { openLedger, type Pair } from './ledger.ts'
import { readCohortMemberships } from './cohort-memberships.ts'
import { isPerson, readPeople, type Nobody, type Person } from './resolve-learners.ts'
import type { ManualCourse, ManualEnrollment, ManualResult } from './request.ts'
import { settlePair, type Settled } from './enroll-pair.ts'
import { pairKey, readFindings } from './existing-state.ts'
import { writeLedger } from './write.ts'

/** Who enrolls others by hand. */
export interface ManualEnroller {
  /** The account. */
  readonly actorId: number
  readonly metadata: CallMetadata
  readonly policy: Policy
}

/**
 * Enrolls people in course runs, or unenrolls them, without looking at modes, window and seats: staff answers for it
 * (rest-v1 §3.9). Those without an active account are allowed to enroll instead. Each pair of a person and a course run
 * stands for itself, sees what the pairs before it did, and leaves a row in the audit where it succeeds. Everything is
 * written in one transaction, and the number of statements does not depend on the number of pairs.
 *
 * @returns for each course, in order, one result per identifier, in order.
 * @throws {EnrollmentError} `unavailable`
 */
export async function enrollPeople(
  db: Kysely<DB>,
  request: ManualEnrollment,
  enroller: ManualEnroller,
): Promise<ManualResult[][]> {
  return retryOnSerializationFailure(db, () => inTransaction(db, (trx) => carryOut(trx, request, enroller)))
}

async function carryOut(
  trx: Transaction<DB>,
  request: ManualEnrollment,
  { actorId, metadata, policy }: ManualEnroller,
): Promise<ManualResult[][]> {
  const known = await readManualCourses(trx, request.courses)
  const named = await readPeople(trx, request.identifiers)
  const people = named.filter(isPerson)
  const courseKeys = [...new Set(request.courses.map(({ key }) => key.stored))]
  const findings = await readFindings(trx, people, courseKeys)
  const wantsCohorts = known.some((course) => course?.cohort)
  const ledger = openLedger(findings, wantsCohorts ? await readCohortMemberships(trx, people, courseKeys) : new Map())

  const pairs = pairsOf(request.courses, known, people)
  const results = await changeEnrollments(trx, request, pairs, { metadata, policy })
  const settled = new Map(
    pairs.map((pair) => {
      const isEnrolled = findings.enrolled.has(pairKey(pair.person.id, pair.course.key.stored))
      return [pair, settlePair(ledger, request, pair, results.get(pair) ?? { isEnrolled })]
    }),
  )
  const audit = [...settled.values()].flatMap((one) => one.audit ?? [])
  await writeLedger(trx, ledger, audit, { ...request, actorId, now: metadata.now })
  return arrange(known, named, settled.values())
}

/** Course by course, and the people in their order. */
function pairsOf(
  courses: readonly ManualCourse[],
  known: readonly (KnownCourse | null)[],
  people: readonly Person[],
): Pair[] {
  return courses.flatMap((course, index) => {
    const found = known[index]
    return found ? people.map((person) => ({ course, known: found, person })) : []
  })
}

/** Changes the enrollments of those who have an account; of those who are to be enrolled, an active one. */
async function changeEnrollments(
  trx: Transaction<DB>,
  { action, reason }: ManualEnrollment,
  pairs: readonly Pair[],
  { metadata, policy }: { metadata: CallMetadata; policy: Policy },
): Promise<Map<Pair, Result>> {
  const changing = pairs.filter(({ person: { account } }) => account && (action === 'unenroll' || account.isActive))
  const asked = changing.map(({ course, person }) => ({
    command: commandOf(action, reason, course, person),
    metadata,
  }))
  const results = await enrollMany(trx, asked, policy)
  return new Map(changing.flatMap((pair, index) => (results[index] ? [[pair, results[index]] as const] : [])))
}

function commandOf(
  action: ManualEnrollment['action'],
  reason: string | null,
  { key }: ManualCourse,
  { account }: Person,
): EnrollmentCommand {
  return {
    ...plainCommand,
    learner: { userId: String(account?.id) },
    courseId: key.stored,
    path: action === 'enroll' ? 'admit' : 'change',
    isActive: action === 'enroll',
    reason,
  }
}

/** In a course run that does not exist everybody fails (rest-v1 D12). */
function arrange(
  known: readonly (KnownCourse | null)[],
  named: readonly (Person | Nobody)[],
  settled: Iterator<Settled, undefined>,
): ManualResult[][] {
  return known.map((course) => named.map((person) => (course ? resultOf(person, settled) : noCourse(person))))
}

function resultOf(named: Person | Nobody, settled: Iterator<Settled, undefined>): ManualResult {
  if (!isPerson(named)) return named.result
  const { value } = settled.next()
  if (value === undefined) throw new RangeError('Each person was settled in each course')
  return value.result
}

function noCourse({ identifier }: { identifier: string }): ManualResult {
  return { identifier, kind: 'failed', because: 'courseNotFound' }
}
