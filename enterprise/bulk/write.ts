import type { Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import { isCreated } from './answer.ts'
import { recordBatch, recordNotifications, recordOverrides, type Notification, type Override } from './audit.ts'
import { isEnrolled, isWaiting, type EnrolledRow, type RowResult, type WaitingRow } from './result.ts'
import type { Unit } from './unit.ts'
import { linkLearners } from './write-links.ts'
import { linkAddresses, writePending } from './write-pending.ts'
import { writeFulfilments, writeRealizations, writeRecords } from './write-records.ts'

/**
 * Writes what the tenant knows of rows: links, records, fulfilments, what waits, and the audit, each kind in one statement.
 * Rows that were refused leave nothing.
 */
export async function writeResults(
  trx: Transaction<EnterpriseDB>,
  results: readonly RowResult[],
  overrides: readonly Override[],
  unit: Unit,
): Promise<void> {
  const [enrolled, waiting] = [results.filter(isEnrolled), results.filter(isWaiting)]
  if (enrolled.length + waiting.length === 0) return
  await recordBatch(trx, unit)
  await writeEnrolled(trx, enrolled, unit)
  await writeWaiting(trx, waiting, unit)
  await recordOverrides(trx, overrides, unit)
  if (unit.order.notify) await recordNotifications(trx, results.flatMap(notificationsOf), unit)
}

async function writeEnrolled(
  trx: Transaction<EnterpriseDB>,
  enrolled: readonly EnrolledRow[],
  unit: Unit,
): Promise<void> {
  const links = await linkLearners(trx, enrolled.filter(needsLink).map(learnerOf), unit)
  const behind = enrolled.filter(needsRecord)
  const written = await writeRecords(
    trx,
    behind.map((result) => ({
      linkId: idOf(result.standing.link?.isActive ? result.standing.link.id : links.get(learnerOf(result))),
      courseKey: result.outcome.enrollment.courseId,
      enrollmentId: result.outcome.enrollment.id,
      enrollmentVersion: result.outcome.enrollment.version,
    })),
    unit,
  )
  const ids = new Map(behind.map((result, index) => [result, written[index]]))
  const recordId = (result: EnrolledRow) => idOf(ids.get(result) ?? result.standing.record?.id)
  const fulfilments = enrolled.flatMap((result) => {
    const { fulfilment } = result
    if (fulfilment === null || fulfilment.kind === 'unchanged') return []
    return [{ uuid: fulfilment.uuid, funding: fulfilment.funding, recordId: recordId(result) }]
  })
  await writeFulfilments(trx, fulfilments, unit)
  const realizations = enrolled.flatMap((result) => {
    const { intentionId } = result.standing
    return result.row.order.isDefaultAutoEnrollment && intentionId !== null
      ? [{ intentionId, recordId: recordId(result) }]
      : []
  })
  await writeRealizations(trx, realizations, unit)
}

/** Enrolling makes the customer the active one of the learner. */
function needsLink({ standing: { link } }: EnrolledRow): boolean {
  return link === null || !link.isLinked || !link.isActive
}

function learnerOf({ row }: EnrolledRow): number {
  return row.person.id
}

function needsRecord({ standing: { record }, outcome: { enrollment } }: EnrolledRow): boolean {
  return record === null || record.isFlagged || record.enrollmentVersion !== enrollment.version
}

function idOf(id: string | undefined): string {
  if (id === undefined) throw new RangeError('What is written has an id')
  return id
}

async function writeWaiting(trx: Transaction<EnterpriseDB>, waiting: readonly WaitingRow[], unit: Unit): Promise<void> {
  const unlinked = waiting.filter(({ standing }) => !standing.isLinked).map(({ standing }) => standing.linkId)
  await linkAddresses(trx, unlinked)
  const changes = waiting
    .filter(({ decision }) => decision.kind !== 'pendingUnchanged')
    .map(({ row, standing, decision }) => ({
      linkId: standing.linkId,
      courseKey: row.courseKey,
      wish: decision.wish,
    }))
  await writePending(trx, changes, unit)
}

function notificationsOf(result: RowResult): Notification[] {
  if (result.is === 'refused') return []
  const { row } = result
  const { courseKey } = row
  if (!isCreated(result.is === 'enrolled' ? result.outcome.kind : result.decision.kind)) return []
  return row.person.is === 'account'
    ? [{ learnerId: row.person.id, email: null, courseKey }]
    : [{ learnerId: null, email: row.person.email, courseKey }]
}
