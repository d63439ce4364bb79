import type { Transaction } from 'kysely'
import type { Enrollment } from '../../routers/index.ts'
import type { Customer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { callerIn, type OperationContext } from '../operation.ts'
import { refusalFrom, type Refusal } from '../refusal.ts'
import { readCustomerRecords, type CustomerRecord } from './customer-records.ts'
import { readOtherFunding, type OtherFunding } from './other-funding.ts'
import { writeRevocations } from './write-revocations.ts'

/** The most that `enrollment.getMany` takes. */
const MAX_READ = 1000

/** A learner and a course run. */
export interface EndedPair {
  /** A name for the pair among the others. */
  readonly index: number
  readonly userId: number
  readonly courseId: string
}

/** What became of the enrollment of a pair. */
export type EndedEnrollment =
  | {
      readonly is: 'deactivated' | 'fundedOtherwise' | 'unchanged'
      readonly enrollmentId: string
      readonly eventId: string | null
    }
  | { readonly is: 'refused'; readonly refusal: Refusal }

/**
 * Ends enrollments as far as a customer is concerned: what pays for the record of the customer is revoked, and the enrollment is
 * deactivated unless another customer pays for it (enterprise-routes.md §3 b). The records of others follow by the feed.
 *
 * @param pairs of learners whose accounts are locked.
 * @returns by the names of the pairs; nothing of one that has no enrollment, nor of one that came before.
 */
export async function endForCustomer(
  trx: Transaction<EnterpriseDB>,
  customer: Customer,
  pairs: readonly EndedPair[],
  operation: OperationContext,
): Promise<ReadonlyMap<number, EndedEnrollment>> {
  const enrollments = await readEnrollments(trx, pairs, operation)
  const ids = [...enrollments.keys()]
  const records = await readCustomerRecords(trx, customer.id, ids)
  const own = [...records.values()].flatMap(({ paying }) => paying)
  const others = ids.length > 0 ? await readOtherFunding(trx, ids, own) : new Map<string, OtherFunding>()
  const ended = await deactivate(
    trx,
    [...enrollments.values()].filter(({ enrollment: { id, isActive } }) => isActive && !others.has(id)),
    operation,
  )
  const revoked = [...enrollments.values()].flatMap(({ enrollment }) =>
    revocationOf(enrollment, records.get(enrollment.id), ended.get(enrollment.id), others.get(enrollment.id)),
  )
  await writeRevocations(trx, revoked, operation)
  return new Map(
    [...enrollments.values()].map(({ index, enrollment: { id: enrollmentId } }) => {
      const isFundedOtherwise = others.has(enrollmentId) && records.get(enrollmentId)?.isUnenrolled === false
      const kept = { is: isFundedOtherwise ? 'fundedOtherwise' : 'unchanged', enrollmentId, eventId: null } as const
      return [index, ended.get(enrollmentId)?.result ?? kept]
    }),
  )
}

/** The enrollment of the pair that named it first. */
interface NamedEnrollment extends Pick<EndedPair, 'index'> {
  readonly enrollment: Enrollment
}

async function readEnrollments(
  trx: Transaction<EnterpriseDB>,
  pairs: readonly EndedPair[],
  operation: OperationContext,
): Promise<ReadonlyMap<string, NamedEnrollment>> {
  const found = new Map<string, NamedEnrollment>()
  for (let start = 0; start < pairs.length; start += MAX_READ) {
    const part = pairs.slice(start, start + MAX_READ)
    const enrollments = part.map(({ userId, courseId }) => ({ userId: String(userId), courseId }))
    const read = await callerIn(trx, operation).enrollment.getMany({ enrollments })
    for (const [place, { index }] of part.entries()) {
      const enrollment = read[place] ?? null
      if (enrollment !== null && !found.has(enrollment.id)) found.set(enrollment.id, { index, enrollment })
    }
  }
  return found
}

interface Deactivated {
  readonly result: EndedEnrollment
  /** The version of the enrollment; null: it was not changed. */
  readonly version: number | null
}

async function deactivate(
  trx: Transaction<EnterpriseDB>,
  ending: readonly NamedEnrollment[],
  operation: OperationContext,
): Promise<ReadonlyMap<string, Deactivated>> {
  if (ending.length === 0) return new Map()
  const items = ending.map(({ enrollment: { userId, courseId } }) => ({
    userId,
    courseId,
    isActive: false,
    reason: operation.reason ?? undefined,
  }))
  const { results } = await callerIn(trx, operation).enrollment.changeMany({ items })
  return new Map(
    ending.map(({ enrollment: { id: enrollmentId } }, index): [string, Deactivated] => {
      const result = results[index]
      if (result === undefined) throw new RangeError('Each item of a batch has a result')
      if (!result.ok)
        return [enrollmentId, { result: { is: 'refused', refusal: refusalFrom(result.error) }, version: null }]
      const { enrollment, eventId } = result.outcome
      const is = eventId === null ? 'unchanged' : 'deactivated'
      return [enrollmentId, { result: { is, enrollmentId, eventId }, version: enrollment.version }]
    }),
  )
}

/**
 * Nothing where there is no record, where it says so already, or where the end was refused. An end that the record has not taken
 * in yet is told by the feed, with its instant and with who did it.
 */
function revocationOf(
  { version, isActive }: Enrollment,
  record: CustomerRecord | undefined,
  ended: Deactivated | undefined,
  other: OtherFunding | undefined,
): Parameters<typeof writeRevocations>[1] {
  if (record === undefined || ended?.result.is === 'refused') return []
  const isTold = record.isUnenrolled && record.paying.length === 0
  const isToBeTold = !isActive && record.enrollmentVersion < version
  if (ended === undefined && (isTold || isToBeTold)) return []
  const known = ended?.version ?? other?.version ?? version
  const goesOn = isActive && ended === undefined
  return [{ recordId: record.id, fulfilmentId: null, version: known, isActive: goesOn, isUnenrolled: true }]
}
