import { CompiledQuery, sql, type Kysely, type Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { referencesFinder } from './funded-references.ts'
import { uuidField } from './uuid-field.ts'

const { courseId, extensionLineType, instant, line, PAGE_SIZE, pagesOfLines, resolveRows, text, upsert } = importFormat

const schema = line('defaultRealization', {
  customer: uuidField(),
  username: text({ max: 150 }),
  courseId: courseId(),
  // What is left out stays as it is.
  created: instant().optional(),
})

/** Which enrollments came of the default intentions of customers (enterprise C.5 row 12). */
export const defaultRealizations = extensionLineType({
  type: 'defaultRealization',
  usage: '{"type": "defaultRealization", "customer", "username", "courseId", "created"?}',
  schema,
  importGroup: importRealizations,
  exportLines: exportRealizations,
})

const REALIZATIONS = {
  table: 'enterprise_default_realizations',
  conflict: 'record_id, intention_id',
  match: 't.record_id = line.record_id and t.intention_id = line.intention_id',
  columns: {
    record_id: ['bigint', 'key'],
    intention_id: ['integer', 'key'],
    created: ['timestamptz', 'value'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

async function importRealizations(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<z.output<typeof schema>>[],
  { added, metadata }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const referencesOf = await referencesFinder(trx, lines, added)
  const recordIds = lines.map(referencesOf).flatMap((one) => ('reason' in one ? [] : (one.record_id ?? [])))
  const intentionOf = await readIntentions(trx, recordIds)
  const at = metadata.now.toISOString()
  const { rows, failures } = resolveRows(lines, (numbered) => {
    const reference = referencesOf(numbered)
    if ('reason' in reference) return reference
    const { username } = numbered.line
    const { record_id } = reference
    if (record_id === null) return { reason: `courseId: the customer has no record of '${username}' there` }
    const intention = intentionOf.get(record_id)
    if (intention === undefined) return { reason: 'courseId: the customer has no default intention there' }
    const created = numbered.line.created ?? intention.created ?? at
    intentionOf.set(record_id, { ...intention, created })
    return { key: record_id, row: { record_id, intention_id: intention.intention_id, created } }
  })
  return { failures, ...(await upsert(trx, REALIZATIONS, rows)) }
}

interface IntentionOfRecord {
  readonly record_id: string
  readonly intention_id: number
  /** Since when it is known that the enrollment came of it; null: it is not. */
  readonly created: string | null
}

async function readIntentions(
  trx: Transaction<DB>,
  recordIds: readonly string[],
): Promise<Map<string, IntentionOfRecord>> {
  const { rows } = await trx.executeQuery<IntentionOfRecord>(CompiledQuery.raw(READ, [recordIds]))
  return new Map(rows.map((row) => [row.record_id, row]))
}

const READ = `/* enterprise.intentionsOfRecords */
select r.id as record_id, d.id as intention_id, z.created
from enterprise_enrollment_records r
join enterprise_learner_links k on k.id = r.link_id
join enterprise_default_intentions d on d.customer_id = k.customer_id and d.course_key = r.course_key
left join enterprise_default_realizations z on z.record_id = r.id and z.intention_id = d.id
where r.id = any ((select $1::bigint[])::bigint[])`

function exportRealizations(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_default_realizations as z')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'z.record_id')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .innerJoin('learners as l', 'l.id', 'k.learner_id')
    .select(['z.record_id', 'c.uuid', 'l.username', 'r.course_key', 'z.created'])
    .orderBy('z.record_id')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { record_id: string } | null) =>
      page.where('z.record_id', '>', sql<string>`${after?.record_id ?? '0'}::bigint`).execute(),
    (row) => ({
      type: 'defaultRealization',
      customer: row.uuid,
      username: row.username,
      courseId: row.course_key,
      created: row.created,
    }),
  )
}
