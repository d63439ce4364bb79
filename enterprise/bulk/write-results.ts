import type { Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import { isCreated } from './answer.ts'
import type { BatchContext } from './batch-context.ts'
import { isEnrolled, isWaiting, type EnrolledResult, type RowResult, type WaitingResult } from './rows.ts'
import { writeBatch, writeNotifications, writeOverrides, type Notification, type Override } from './write-audit.ts'
import { linkAddresses, linkLearners } from './write-links.ts'
import { writePending } from './write-pending.ts'
import { writeFulfilments, writeRealizations, writeRecords } from './write-records.ts'
import { writeSuperseded } from './write-superseded.ts'

/**
 * Writes what the extension keeps of rows: links, records, fulfilments, pending enrollments and the audit trail, each kind in
 * one statement. Rows that were refused leave nothing.
 */
export async function writeResults(
  trx: Transaction<EnterpriseDB>,
  results: readonly RowResult[],
  overrides: readonly Override[],
  batch: BatchContext,
): Promise<void> {
  const [enrolled, waiting] = [results.filter(isEnrolled), results.filter(isWaiting)]
  if (enrolled.length + waiting.length === 0) return
  await writeBatch(trx, batch)
  await writeEnrolled(trx, enrolled, batch)
  await writeWaiting(trx, waiting, batch)
  await writeOverrides(trx, overrides, batch)
  const told = results.filter(({ row }) => row.request.notify ?? batch.options.notify)
  await writeNotifications(trx, told.flatMap(notificationsOf), batch)
}

async function writeEnrolled(
  trx: Transaction<EnterpriseDB>,
  enrolled: readonly EnrolledResult[],
  batch: BatchContext,
): Promise<void> {
  const links = await linkLearners(trx, enrolled.filter(needsLink).map(learnerIdOf), batch)
  const behind = enrolled.filter(needsRecord)
  const written = await writeRecords(
    trx,
    behind.map((result) => ({
      linkId: idOf(result.existing.link?.isActive ? result.existing.link.id : links.get(learnerIdOf(result))),
      courseKey: result.outcome.enrollment.courseId,
      enrollmentId: result.outcome.enrollment.id,
      enrollmentVersion: result.outcome.enrollment.version,
      source: result.row.request.source ?? 'customerAdmin',
    })),
    batch,
  )
  const ids = new Map(behind.map((result, index) => [result, written[index]]))
  const recordId = (result: EnrolledResult) => idOf(ids.get(result) ?? result.existing.record?.id)
  const fulfilments = enrolled.flatMap((result) => {
    const { fulfilment } = result
    if (fulfilment === null || fulfilment.kind === 'unchanged') return []
    return [{ uuid: fulfilment.uuid, funding: fulfilment.funding, recordId: recordId(result) }]
  })
  const superseded = enrolled.flatMap(({ fulfilment }) =>
    fulfilment?.superseded ? [{ fulfilmentId: fulfilment.superseded.uuid, by: fulfilment.funding.id }] : [],
  )
  await writeSuperseded(trx, superseded, batch)
  await writeFulfilments(trx, fulfilments, batch)
  const realizations = enrolled.flatMap((result) => {
    const { intentionId } = result.existing
    return result.row.request.isDefaultAutoEnrollment && intentionId !== null
      ? [{ intentionId, recordId: recordId(result) }]
      : []
  })
  await writeRealizations(trx, realizations, batch)
}

/** Enrolling makes the customer the active one of the learner. */
function needsLink({ existing: { link } }: EnrolledResult): boolean {
  return link === null || !link.isLinked || !link.isActive
}

function learnerIdOf({ row }: EnrolledResult): number {
  return row.learner.id
}

function needsRecord({ existing: { record }, outcome: { enrollment } }: EnrolledResult): boolean {
  return record === null || record.isFlagged || record.enrollmentVersion !== enrollment.version
}

function idOf(id: string | undefined): string {
  if (id === undefined) throw new RangeError('What is written has an id')
  return id
}

async function writeWaiting(
  trx: Transaction<EnterpriseDB>,
  waiting: readonly WaitingResult[],
  batch: BatchContext,
): Promise<void> {
  const unlinked = waiting.filter(({ existing }) => !existing.isLinked).map(({ existing }) => existing.linkId)
  await linkAddresses(trx, unlinked)
  const changes = waiting
    .filter(({ decision }) => decision.kind !== 'pendingUnchanged')
    .map(({ row, existing, decision }) => ({
      linkId: existing.linkId,
      courseKey: row.courseKey,
      terms: decision.terms,
    }))
  await writePending(trx, changes, batch)
}

function notificationsOf(result: RowResult): Notification[] {
  if (result.is === 'refused') return []
  const { row } = result
  const { courseKey } = row
  if (!isCreated(result.is === 'enrolled' ? result.outcome.kind : result.decision.kind)) return []
  return row.learner.is === 'account'
    ? [{ learnerId: row.learner.id, email: null, courseKey }]
    : [{ learnerId: null, email: row.learner.email, courseKey }]
}
