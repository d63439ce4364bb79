import { sql, type Kysely, type Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { customerFinder, noCustomer } from './customer-finder.ts'
import { uuidField } from './uuid-field.ts'

const { courseId, extensionLineType, flag, instant, line, PAGE_SIZE, pagesOfLines, resolveRows, upsert } = importFormat

const schema = line('defaultIntention', {
  customer: uuidField(),
  courseId: courseId(),
  // What is left out stays as it is.
  created: instant().optional(),
  isRemoved: flag().default(false),
})

/** In which course runs customers want their learners enrolled by default (enterprise C.5 row 12); they need not exist. */
export const defaultIntentions = extensionLineType({
  type: 'defaultIntention',
  usage: '{"type": "defaultIntention", "customer", "courseId", "created"?, "isRemoved"?}',
  schema,
  importGroup: importIntentions,
  exportLines: exportIntentions,
})

const INTENTIONS = {
  table: 'enterprise_default_intentions',
  conflict: 'customer_id, course_key',
  match: 't.customer_id = line.customer_id and t.course_key = line.course_key',
  columns: {
    customer_id: ['integer', 'key'],
    course_key: ['text', 'key'],
    is_removed: ['boolean', 'value'],
    created: ['timestamptz', 'value'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

async function importIntentions(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<z.output<typeof schema>>[],
  { added, metadata }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const customers = lines.map((one) => one.line.customer)
  const customerOf = await customerFinder(trx, customers, added)
  const createdOf = await readCreated(trx, customers)
  const at = metadata.now.toISOString()
  const { rows, failures } = resolveRows(lines, ({ number, line: { customer, courseId: course, ...rest } }) => {
    const customer_id = customerOf(customer, number)
    if (customer_id === undefined) return { reason: `customer: ${noCustomer(customer)}` }
    const key = `${customer_id} ${course.stored}`
    const created = rest.created ?? createdOf.get(key) ?? at
    createdOf.set(key, created)
    return { key, row: { customer_id, course_key: course.stored, is_removed: rest.isRemoved, created } }
  })
  return { failures, ...(await upsert(trx, INTENTIONS, rows)) }
}

/** Since when each intention of customers is known, by the id of the customer and the course key. */
async function readCreated(trx: Transaction<DB>, customers: readonly string[]): Promise<Map<string, string>> {
  const rows = await trx
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_default_intentions as d')
    .innerJoin('enterprise_customers as c', 'c.id', 'd.customer_id')
    .select(['d.customer_id', 'd.course_key', 'd.created'])
    .where('c.uuid', '=', sql<string>`any (${[...new Set(customers)]}::uuid[])`)
    .execute()
  return new Map(rows.map((row) => [`${row.customer_id} ${row.course_key}`, row.created]))
}

function exportIntentions(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_default_intentions as d')
    .innerJoin('enterprise_customers as c', 'c.id', 'd.customer_id')
    .select(['d.id', 'c.uuid', 'd.course_key', 'd.created', 'd.is_removed'])
    .orderBy('d.id')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { id: number } | null) => page.where('d.id', '>', after?.id ?? 0).execute(),
    (row) => ({
      type: 'defaultIntention',
      customer: row.uuid,
      courseId: row.course_key,
      created: row.created,
      isRemoved: row.is_removed,
    }),
  )
}
