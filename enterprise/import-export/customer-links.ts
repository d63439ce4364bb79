import type { Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { customerFinder, noCustomer } from './customer-finder.ts'
import { customerUuid } from './customers.ts'
import { exportCustomerLinks } from './export-customer-links.ts'
import { lockNamedLearners, type NamedLearner } from './named-learners.ts'

const { email, flag, extensionLineType, line, resolveRows, sumOf, text, upsert } = importFormat

const schema = line('customerLink', {
  customer: customerUuid(),
  username: text({ max: 150 }).optional(),
  email: email().optional(),
  // Unless it says so, true for whoever may be linked.
  isLinked: flag().optional(),
  isPermanentlyUnlinked: flag().default(false),
})
  .refine(({ username, email }) => (username === undefined) !== (email === undefined), {
    error: 'must have either username or email',
  })
  .refine(({ isLinked, isPermanentlyUnlinked }) => isLinked !== true || !isPermanentlyUnlinked, {
    path: ['isLinked'],
    error: 'must be false for whoever is permanently unlinked',
  })

type CustomerLink = z.output<typeof schema>

/**
 * The learners that customers are linked with (enterprise C.0): accounts, and addresses that have none yet. An address that
 * has an account stands for that account. Which customer is the active one of a learner is not part of the format.
 */
export const customerLinks = extensionLineType({
  type: 'customerLink',
  usage: '{"type": "customerLink", "customer", "username" or "email", "isLinked"?, "isPermanentlyUnlinked"?}',
  schema,
  importGroup: importCustomerLinks,
  exportLines: exportCustomerLinks,
})

const LEARNER_LINKS = {
  table: 'enterprise_learner_links',
  conflict: 'learner_id, customer_id',
  match: 't.learner_id = line.learner_id and t.customer_id = line.customer_id',
  columns: {
    learner_id: ['integer', 'key'],
    customer_id: ['integer', 'key'],
    is_linked: ['boolean', 'value'],
    is_permanently_unlinked: ['boolean', 'value'],
    created: ['timestamptz', 'first'],
    updated: ['timestamptz', 'metadata'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

const PENDING_LINKS = {
  table: 'enterprise_pending_links',
  conflict: 'email, customer_id',
  match: 't.email = line.email and t.customer_id = line.customer_id',
  columns: {
    email: ['text', 'key'],
    customer_id: ['integer', 'key'],
    is_linked: ['boolean', 'value'],
    is_permanently_unlinked: ['boolean', 'value'],
    // An address without an account has an open link, also where an account took it that has another address now.
    taken_by: ['integer', 'value'],
    created: ['timestamptz', 'first'],
  },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

async function importCustomerLinks(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<CustomerLink>[],
  { added, metadata }: importFormat.GroupContext,
): Promise<importFormat.GroupOutcome> {
  const customerOf = await customerFinder(
    trx,
    lines.map((numbered) => numbered.line.customer),
    added,
  )
  const learnerOf = await lockNamedLearners(
    trx,
    lines.map((numbered) => numbered.line),
    added,
  )
  const { rows, failures } = resolveRows(lines, ({ number, line }) => {
    const customerId = customerOf(line.customer, number)
    if (customerId === undefined) return { reason: `customer: ${noCustomer(line.customer)}` }
    const learner = learnerOf(line, number)
    if ('reason' in learner) return learner
    const key = 'learnerId' in learner ? `${customerId} ${learner.learnerId}` : `${customerId} ${learner.email}`
    return { key, row: { learner, columns: columnsOf(line, customerId, metadata.now.toISOString()) } }
  })
  const accounts = rows.flatMap(({ learner, columns }) => forAccount(learner, columns))
  await deactivateUnlinked(trx, accounts)
  const written = await upsert(trx, LEARNER_LINKS, accounts)
  const addresses = rows.flatMap(({ learner, columns }) => forAddress(learner, columns))
  return { failures, ...sumOf(written, await upsert(trx, PENDING_LINKS, addresses)) }
}

type Columns = ReturnType<typeof columnsOf>

function columnsOf(
  { isPermanentlyUnlinked, isLinked = !isPermanentlyUnlinked }: CustomerLink,
  customer_id: number,
  at: string,
) {
  return {
    customer_id,
    is_linked: isLinked,
    is_permanently_unlinked: isPermanentlyUnlinked,
    created: at,
    updated: at,
  }
}

function forAccount(learner: NamedLearner, columns: Columns) {
  return 'learnerId' in learner ? [{ learner_id: learner.learnerId, ...columns }] : []
}

function forAddress(learner: NamedLearner, columns: Columns) {
  return 'learnerId' in learner ? [] : [{ email: learner.email, taken_by: null, ...columns }]
}

/** A customer from whom a learner is unlinked is no longer their active one. */
async function deactivateUnlinked(
  trx: Transaction<DB>,
  links: readonly (Columns & { learner_id: number })[],
): Promise<void> {
  const unlinked = links.filter(({ is_linked }) => !is_linked)
  if (unlinked.length === 0) return
  await trx
    .$extendTables<EnterpriseTables>()
    .updateTable('enterprise_learner_links')
    .set({ is_active: false })
    .where('is_active', '=', true)
    .where((where) =>
      where(
        where.refTuple('learner_id', 'customer_id'),
        'in',
        unlinked.map(({ learner_id, customer_id }) => where.tuple(learner_id, customer_id)),
      ),
    )
    .execute()
}
