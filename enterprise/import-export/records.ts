import { sql, type Kysely, type Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { uuidField } from './uuid-field.ts'
import { referencesFinder } from './funded-references.ts'
import { sourceField } from './source-field.ts'

const { courseId, extensionLineType, flag, instant, line, PAGE_SIZE, pagesOfLines } = importFormat
const { resolveRows, text, upsert, wholeNumber } = importFormat

const schema = line('enterpriseRecord', {
  customer: uuidField(),
  username: text({ max: 150 }),
  courseId: courseId(),
  source: sourceField(),
  // What is left out of these two stays as it is.
  created: instant().optional(),
  linkId: wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER }).optional(),
  unenrolledAt: instant().nullable().default(null),
  savedForLater: flag().default(false),
})

/** What customers know of enrollments (enterprise-routes.md §7.1). */
export const enterpriseRecords = extensionLineType({
  type: 'enterpriseRecord',
  usage:
    '{"type": "enterpriseRecord", "customer", "username", "courseId", "source"?, "created"?, "unenrolledAt"?, "savedForLater"?, "linkId"?}',
  schema,
  importGroup: importRecords,
  exportLines: exportRecords,
})

const RECORDS = {
  table: 'enterprise_enrollment_records',
  conflict: 'link_id, course_key',
  match: 't.link_id = line.link_id and t.course_key = line.course_key',
  columns: {
    link_id: ['bigint', 'key'],
    course_key: ['text', 'key'],
    // The flags are those after every change of the enrollment so far.
    enrollment_id: ['bigint', 'first'],
    enrollment_version: ['integer', 'first'],
    source: ['text', 'value'],
    unenrolled: ['boolean', 'value'],
    unenrolled_at: ['timestamptz', 'value'],
    saved_for_later: ['boolean', 'value'],
    shown_link_id: ['bigint', 'value'],
    created: ['timestamptz', 'value'],
    updated: ['timestamptz', 'metadata'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

async function importRecords(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<z.output<typeof schema>>[],
  { added, metadata }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const referencesOf = await referencesFinder(trx, lines, added)
  const at = metadata.now.toISOString()
  const { rows, failures } = resolveRows(lines, (numbered) => {
    const stored = referencesOf(numbered)
    const { username, courseId: key, source: came, created, linkId, unenrolledAt, savedForLater } = numbered.line
    if ('reason' in stored) return stored
    const { link_id, enrollment_id, version: enrollment_version } = stored
    if (link_id === null) return { reason: `username: the customer is not linked with '${username}'` }
    if (enrollment_id === null) return { reason: `courseId: '${username}' has no enrollment there` }
    const flags = { unenrolled: unenrolledAt !== null, unenrolled_at: unenrolledAt, saved_for_later: savedForLater }
    const shown_link_id = linkId === undefined ? stored.shown_link_id : foreignId(linkId, stored.known_link_id)
    const kept = { created: created ?? stored.created ?? at, shown_link_id }
    const row = { link_id, course_key: key.stored, enrollment_id, enrollment_version, source: came, updated: at }
    return { key: `${link_id} ${key.stored}`, row: { ...row, ...flags, ...kept } }
  })
  return { failures, ...(await upsert(trx, RECORDS, rows)) }
}

/** The id under which another system knew a link, where the link itself does not have it; null: it does. */
function foreignId(linkId: number, own: string): string | null {
  return String(linkId) === own ? null : String(linkId)
}

function exportRecords(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_enrollment_records as r')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .innerJoin('learners as l', 'l.id', 'k.learner_id')
    .select(['r.id', 'c.uuid', 'l.username', 'r.course_key', 'r.source', 'r.created', 'r.unenrolled_at'])
    .select(['r.saved_for_later', sql<string>`coalesce(r.shown_link_id, k.shown_id, k.id)`.as('link_id')])
    .orderBy('r.id')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { id: string } | null) => page.where('r.id', '>', after?.id ?? '0').execute(),
    (row) => ({
      type: 'enterpriseRecord',
      customer: row.uuid,
      username: row.username,
      courseId: row.course_key,
      source: row.source,
      created: row.created,
      unenrolledAt: row.unenrolled_at,
      savedForLater: row.saved_for_later,
      linkId: Number(row.link_id),
    }),
  )
}
