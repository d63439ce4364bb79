import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { BatchContext } from './batch-context.ts'
import type { Funding } from './decide-funding.ts'
import type { RecordSource } from '../record-source.ts'

/** What a customer knows of an enrollment from now on. */
export interface RecordChange {
  readonly linkId: string
  readonly courseKey: string
  readonly enrollmentId: string
  /** The newest change of the enrollment. */
  readonly enrollmentVersion: number
  /** How the record came, if it is new. */
  readonly source: RecordSource
}

/**
 * Writes records of enrollments that are active: new ones, and those that have fallen behind. Their flags are cleared.
 *
 * @returns the ids of the records, in order.
 */
export async function writeRecords(
  trx: Transaction<EnterpriseDB>,
  changes: readonly RecordChange[],
  { at }: Pick<BatchContext, 'at'>,
): Promise<string[]> {
  if (changes.length === 0) return []
  const { rows } = await trx.executeQuery<{ id: string; enrollment_id: string }>(
    CompiledQuery.raw(RECORDS, [
      changes.map(({ linkId }) => linkId),
      changes.map(({ courseKey }) => courseKey),
      changes.map(({ enrollmentId }) => enrollmentId),
      changes.map(({ enrollmentVersion }) => enrollmentVersion),
      at,
      changes.map(({ source }) => source),
    ]),
  )
  // A customer knows of each enrollment once.
  const ids = new Map(rows.map((row) => [row.enrollment_id, row.id]))
  return changes.map(({ enrollmentId }) => {
    const id = ids.get(enrollmentId)
    if (id === undefined) throw new RangeError('Each record that is written has an id')
    return id
  })
}

const RECORDS = `/* enterprise.records */
insert into enterprise_enrollment_records as r (link_id, course_key, enrollment_id, enrollment_version, source, created,
  updated)
select c.*, $5::timestamptz, $5::timestamptz
from unnest((select $1::bigint[]), (select $2::text[]), (select $3::bigint[]), (select $4::integer[]), (select $6::text[])) as c
on conflict (link_id, course_key) do update
set enrollment_id = excluded.enrollment_id, enrollment_version = excluded.enrollment_version, unenrolled = false,
  unenrolled_at = null, saved_for_later = false, updated = excluded.updated
returning id, enrollment_id`

/** A fulfilment that is made, or pays again. */
export interface FulfilmentChange {
  readonly uuid: string
  readonly recordId: string
  readonly funding: Funding
}

/** Writes fulfilments: new ones, and those that are revived with the funding given. */
export async function writeFulfilments(
  trx: Transaction<EnterpriseDB>,
  changes: readonly FulfilmentChange[],
  { batchId, at }: Pick<BatchContext, 'batchId' | 'at'>,
): Promise<void> {
  if (changes.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(FULFILMENTS, [
      changes.map(({ uuid }) => uuid),
      changes.map(({ recordId }) => recordId),
      changes.map(({ funding }) => funding.kind),
      changes.map(({ funding }) => funding.id),
      batchId,
      at,
    ]),
  )
}

const FULFILMENTS = `/* enterprise.fulfilments */
insert into enterprise_fulfilments (uuid, record_id, kind, funding_id, batch_id, created, updated)
select c.*, $5::uuid, $6::timestamptz, $6::timestamptz
from unnest((select $1::uuid[]), (select $2::bigint[]), (select $3::text[]), (select $4::uuid[])) as c
on conflict (uuid) do update
set funding_id = excluded.funding_id, revoked = null, batch_id = excluded.batch_id, updated = excluded.updated`

/** Keeps which default intentions enrollments came of; what is known is left as it is. */
export async function writeRealizations(
  trx: Transaction<EnterpriseDB>,
  realizations: readonly { readonly intentionId: number; readonly recordId: string }[],
  { at }: Pick<BatchContext, 'at'>,
): Promise<void> {
  if (realizations.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(REALIZATIONS, [
      realizations.map(({ intentionId }) => intentionId),
      realizations.map(({ recordId }) => recordId),
      at,
    ]),
  )
}

const REALIZATIONS = `/* enterprise.realizations */
insert into enterprise_default_realizations (intention_id, record_id, created)
select r.*, $3::timestamptz from unnest((select $1::integer[]), (select $2::bigint[])) as r
on conflict do nothing`
