import { type Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { uuidField } from './uuid-field.ts'
import { exportFulfilments } from './export-fulfilments.ts'
import { referencesFinder } from './funded-references.ts'
import { readPaying, traceRevocations } from './stored-fulfilments.ts'

const { courseId, extensionLineType, instant, line, resolveRows, sumOf, text, upsert } = importFormat

const schema = line('fulfilment', {
  uuid: uuidField(),
  customer: uuidField(),
  username: text({ max: 150 }),
  courseId: courseId(),
  license: uuidField().optional(),
  transaction: uuidField().optional(),
  // What is left out of these two stays as it is.
  created: instant().optional(),
  revokedAt: instant().nullable().optional(),
}).refine(({ license, transaction }) => (license === undefined) !== (transaction === undefined), {
  error: 'must have either license or transaction',
})

/** What pays for enrollments, with the UUIDs by which it is cancelled (enterprise-routes.md §7.1). */
export const fulfilments = extensionLineType({
  type: 'fulfilment',
  usage:
    '{"type": "fulfilment", "uuid", "customer", "username", "courseId", "license" or "transaction", "created"?, "revokedAt"?}',
  schema,
  importGroup: importFulfilments,
  exportLines: exportFulfilments,
})

const FULFILMENTS = {
  table: 'enterprise_fulfilments',
  conflict: 'uuid',
  match: 't.uuid = line.uuid',
  columns: {
    uuid: ['uuid', 'key'],
    record_id: ['bigint', 'first'],
    kind: ['text', 'first'],
    funding_id: ['uuid', 'value'],
    revoked: ['timestamptz', 'value'],
    created: ['timestamptz', 'value'],
    updated: ['timestamptz', 'metadata'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

/** Of one kind only one fulfilment pays for a record: a line with a second one fails, unless an earlier line has revoked the first. */
async function importFulfilments(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<z.output<typeof schema>>[],
  { added, metadata }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const referencesOf = await referencesFinder(trx, lines, added)
  const uuids = lines.map((one) => one.line.uuid)
  const recordIds = lines.map(referencesOf).flatMap((one) => ('reason' in one ? [] : (one.record_id ?? [])))
  const { byUuid, paying } = await readPaying(trx, uuids, recordIds)
  const at = metadata.now.toISOString()
  const { rows, failures } = resolveRows(lines, (numbered) => {
    const reference = referencesOf(numbered)
    if ('reason' in reference) return reference
    const { line } = numbered
    const { record_id } = reference
    if (record_id === null) return { reason: `courseId: the customer has no record of '${line.username}' there` }
    const kind = line.license === undefined ? 'transaction' : 'license'
    const stored = byUuid.get(line.uuid)
    if (stored && (stored.record_id !== record_id || stored.kind !== kind)) {
      return { reason: `uuid: '${line.uuid}' is that of another fulfilment` }
    }
    const revoked = line.revokedAt === undefined ? (stored?.revoked ?? null) : line.revokedAt
    const place = `${record_id} ${kind}`
    const holder = paying.get(place)
    if (revoked === null && holder !== undefined && holder !== line.uuid) {
      return { reason: `the fulfilment '${holder}' pays with a ${kind} already` }
    }
    if (revoked === null) paying.set(place, line.uuid)
    else if (holder === line.uuid) paying.delete(place)
    const created = line.created ?? stored?.created ?? at
    const funding_id = line.license ?? line.transaction ?? ''
    const row = { uuid: line.uuid, record_id, kind, funding_id, revoked, created, updated: at }
    byUuid.set(line.uuid, row)
    return { key: line.uuid, row }
  })
  const revoked = rows.filter((row) => row.revoked !== null)
  // Those first that set a place free.
  const written = await upsert(trx, FULFILMENTS, revoked)
  await traceRevocations(
    trx,
    revoked.map(({ uuid }) => uuid),
    metadata.actor,
  )
  const others = rows.filter((row) => row.revoked === null)
  return { failures, ...sumOf(written, await upsert(trx, FULFILMENTS, others)) }
}
