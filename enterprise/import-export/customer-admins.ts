import { sql, type Kysely, type Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { customerFinder, noCustomer } from './customer-finder.ts'
import { uuidField } from './uuid-field.ts'

const { extensionLineType, learnerFinder, line, noAccount, PAGE_SIZE, pagesOfLines, resolveRows, text, upsert } =
  importFormat

const schema = line('customerAdmin', { customer: uuidField(), username: text({ max: 150 }) })

/** Who may enroll the learners of a customer: the role `enterprise_admin` (enterprise C.0 E8). */
export const customerAdmins = extensionLineType({
  type: 'customerAdmin',
  usage: '{"type": "customerAdmin", "customer", "username"}',
  schema,
  importGroup: importCustomerAdmins,
  exportLines: exportCustomerAdmins,
})

const CUSTOMER_ADMINS = {
  table: 'enterprise_customer_admins',
  conflict: 'learner_id, customer_id',
  match: 't.learner_id = line.learner_id and t.customer_id = line.customer_id',
  columns: { learner_id: ['integer', 'key'], customer_id: ['integer', 'key'] },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

async function importCustomerAdmins(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<z.output<typeof schema>>[],
  { added }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const [customers, usernames] = [lines.map((one) => one.line.customer), lines.map((one) => one.line.username)]
  const customerOf = await customerFinder(trx, customers, added)
  const learnerOf = await learnerFinder(trx, usernames, added)
  const { rows, failures } = resolveRows(lines, ({ number, line: { customer, username } }) => {
    const customerId = customerOf(customer, number)
    if (customerId === undefined) return { reason: `customer: ${noCustomer(customer)}` }
    const learnerId = learnerOf(username, number)
    if (learnerId === undefined) return { reason: `username: ${noAccount(username)}` }
    return { key: `${learnerId} ${customerId}`, row: { learner_id: learnerId, customer_id: customerId } }
  })
  return { failures, ...(await upsert(trx, CUSTOMER_ADMINS, rows)) }
}

/** In the order of the accounts, which an import keeps. */
function exportCustomerAdmins(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_customer_admins as a')
    .innerJoin('enterprise_customers as c', 'c.id', 'a.customer_id')
    .innerJoin('learners as l', 'l.id', 'a.learner_id')
    .select(['a.learner_id', 'a.customer_id', 'c.uuid', 'l.username'])
    .orderBy('a.learner_id')
    .orderBy('a.customer_id')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { learner_id: number; customer_id: number } | null) =>
      page
        .where(sql<boolean>`(a.learner_id, a.customer_id) > (${after?.learner_id ?? 0}, ${after?.customer_id ?? 0})`)
        .execute(),
    ({ uuid, username }) => ({ type: 'customerAdmin', customer: uuid, username }) satisfies z.output<typeof schema>,
  )
}
