import type { Transaction } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { foldEmail, importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { writeCancellations } from '../pending/cancel-sql.ts'
import { customerFinder, noCustomer } from './customer-finder.ts'
import { exportPendingEnrollments } from './export-pending-enrollments.ts'
import { lockNamedLearners } from './named-learners.ts'
import { sourceField } from './source-field.ts'
import { linkNew, lockAndReadStored, type PendingPlace, type StoredPending } from './stored-pending.ts'
import { uuidField } from './uuid-field.ts'

const { courseId, email, expected, extensionLineType, flag, instant, line, resolveRows, text, upsert } = importFormat

const percent = z.number({ error: expected('a number from 0 to 100') })

const schema = line('pendingEnrollment', {
  customer: uuidField(),
  email: email(),
  courseId: courseId(),
  // Null: the best that the course run offers when there is an account.
  mode: text({ max: 100 }).nullable().default(null),
  // Where both are left out, what pays stays as it is.
  license: uuidField().nullable().optional(),
  transaction: uuidField().nullable().optional(),
  cohort: text({ max: 255 }).nullable().default(null),
  discount: percent
    .min(0, { error: 'must be a number from 0 to 100' })
    .max(100, { error: 'must be a number from 0 to 100' })
    .default(100),
  salesforceId: text({ max: 255 }).nullable().default(null),
  source: sourceField(),
  force: flag().default(false),
  isDefaultAutoEnrollment: flag().default(false),
  whenEnrolled: z.enum(['update', 'upgrade'], { error: expected('update or upgrade') }).default('update'),
  // What is left out stays as it is.
  created: instant().optional(),
  state: z.enum(['waiting', 'cancelled'], { error: expected('waiting or cancelled') }).default('waiting'),
}).refine(({ license, transaction }) => !license || !transaction, {
  error: 'must not have both license and transaction',
})

type PendingLine = z.output<typeof schema>

/**
 * What waits for addresses that have no account yet (enterprise C.6). It is enrolled when the account comes; where the address
 * has one by now, soon after the import. What was fulfilled, refused or cancelled here stays so, whatever a line says.
 */
export const pendingEnrollments = extensionLineType({
  type: 'pendingEnrollment',
  usage:
    '{"type": "pendingEnrollment", "customer", "email", "courseId", "mode"?, "license" or "transaction"?, "cohort"?, "discount"?, "salesforceId"?, "source"?, "force"?, "isDefaultAutoEnrollment"?, "whenEnrolled"?, "created"?, "state"?}',
  schema,
  importGroup: importPendingEnrollments,
  exportLines: exportPendingEnrollments,
})

const PENDING = {
  table: 'enterprise_pending_enrollments',
  conflict: 'pending_link_id, course_key',
  match: 't.pending_link_id = line.pending_link_id and t.course_key = line.course_key',
  columns: {
    pending_link_id: ['bigint', 'key'],
    course_key: ['text', 'key'],
    mode: ['text', 'value'],
    license_uuid: ['uuid', 'value'],
    transaction_id: ['uuid', 'value'],
    cohort: ['text', 'value'],
    discount: ['numeric', 'value'],
    salesforce_id: ['text', 'value'],
    source: ['text', 'value'],
    force: ['boolean', 'value'],
    is_default_auto_enrollment: ['boolean', 'value'],
    when_enrolled: ['text', 'value'],
    state: ['text', 'first'],
    created: ['timestamptz', 'value'],
    updated: ['timestamptz', 'metadata'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

async function importPendingEnrollments(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<PendingLine>[],
  { added, metadata }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const named = lines.map((numbered) => numbered.line)
  const customers = named.map(({ customer }) => customer)
  const customerOf = await customerFinder(trx, customers, added)
  const learnerOf = await lockNamedLearners(trx, named.map(addressOf), added)
  const placeOf = ({ number, line }: importFormat.NumberedLine<PendingLine>): PendingPlace | { reason: string } => {
    const customerId = customerOf(line.customer, number)
    if (customerId === undefined) return { reason: `customer: ${noCustomer(line.customer)}` }
    const learner = learnerOf(addressOf(line), number)
    const learnerId = 'learnerId' in learner ? learner.learnerId : null
    return { customerId, email: foldEmail(line.email), courseKey: line.courseId.stored, learnerId }
  }
  const places = lines.map(placeOf)
  const storedAt = await lockAndReadStored(
    trx,
    places.flatMap((place) => ('reason' in place ? [] : place)),
  )
  const at = metadata.now.toISOString()
  const { rows, failures } = resolveRows(lines, (numbered, earlier): ResolvedPending => {
    const place = placeOf(numbered)
    if ('reason' in place) return place
    const key = `${place.customerId} ${place.email} ${place.courseKey}`
    const stored = storedAt(place)
    const before = earlier(key)
    // As if each line had been written after the one before it: what has ended is not begun again.
    if (before?.does === 'cancel' || before?.terms?.state === 'cancelled') return { key, row: before }
    return { key, row: changeOf(numbered.line, place, stored, before, at) }
  })
  const writing = rows.filter((row) => row.does === 'write')
  const linkOf = await linkNew(
    trx,
    writing.filter(({ isNew }) => isNew).map(({ place }) => place),
    storedAt,
    at,
  )
  const written = await upsert(
    trx,
    PENDING,
    writing.map(({ place, terms }) => ({ pending_link_id: linkOf(place), course_key: place.courseKey, ...terms })),
  )
  const cancelled = rows.flatMap((row) => (row.does === 'cancel' ? row.id : []))
  const { actor } = metadata
  await writeCancellations(trx.$extendTables<EnterpriseTables>(), cancelled, {
    context: { actor },
    requestId: 'import',
    reason: 'imported',
    at,
  })
  return { failures, created: written.created, changed: written.changed + cancelled.length }
}

/** An address stands for its account. */
function addressOf({ email }: { email: string }) {
  return { email }
}

type ResolvedPending = { readonly key: string; readonly row: PendingChange } | { readonly reason: string }

type PendingChange =
  | { readonly does: 'nothing'; readonly terms?: undefined }
  | { readonly does: 'cancel'; readonly id: string; readonly terms?: undefined }
  | { readonly does: 'write'; readonly isNew: boolean; readonly place: PendingPlace; readonly terms: Terms }

const NOTHING: PendingChange = { does: 'nothing' }

type Terms = Readonly<Omit<Record<keyof typeof PENDING.columns, unknown>, 'pending_link_id' | 'course_key'>> & Funding

interface Funding {
  readonly license_uuid: string | null
  readonly transaction_id: string | null
}

function changeOf(
  line: PendingLine,
  place: PendingPlace,
  stored: StoredPending,
  earlier: PendingChange | undefined,
  at: string,
): PendingChange {
  if (stored.id !== null && stored.state !== 'waiting') return NOTHING
  if (line.state === 'cancelled' && stored.id !== null) return { does: 'cancel', id: stored.id }
  if (line.state === 'cancelled') {
    return earlier?.does === 'write' ? { ...earlier, terms: { ...earlier.terms, state: 'cancelled' } } : NOTHING
  }
  const before = earlier?.terms ?? stored
  const terms = {
    ...fundingOf(line, before),
    mode: line.mode,
    cohort: line.cohort,
    discount: Number(line.discount.toFixed(5)),
    // That of a request is kept with the request.
    salesforce_id: line.salesforceId === stored.salesforceId ? stored.salesforce_id : line.salesforceId,
    source: line.source,
    force: line.force,
    is_default_auto_enrollment: line.isDefaultAutoEnrollment,
    when_enrolled: line.whenEnrolled,
    state: line.state,
    created: line.created ?? before.created ?? at,
    updated: at,
  }
  return { does: 'write', isNew: stored.id === null, place, terms }
}

function fundingOf({ license, transaction }: PendingLine, before: Funding): Funding {
  if (license === undefined && transaction === undefined) {
    return { license_uuid: before.license_uuid, transaction_id: before.transaction_id }
  }
  return { license_uuid: license ?? null, transaction_id: transaction ?? null }
}
