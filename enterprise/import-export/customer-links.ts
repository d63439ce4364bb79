import type { Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { customerFinder, noCustomer } from './customer-finder.ts'
import { uuidField } from './uuid-field.ts'
import { exportCustomerLinks } from './export-customer-links.ts'
import { lockNamedLearners } from './named-learners.ts'
import { deactivate, readLinks, trackActive, type StoredLink } from './stored-links.ts'

const { email, flag, extensionLineType, instant, line, resolveRows, sumOf, text, upsert, wholeNumber } = importFormat

const schema = line('customerLink', {
  customer: uuidField(),
  username: text({ max: 150 }).optional(),
  email: email().optional(),
  // Unless it says so, true for whoever may be linked.
  isLinked: flag().optional(),
  isPermanentlyUnlinked: flag().default(false),
  // What is left out of these three stays as it is; only the link of an account has them.
  isActive: flag().optional(),
  created: instant().optional(),
  id: wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER }).optional(),
})
  .refine(({ username, email }) => (username === undefined) !== (email === undefined), {
    error: 'must have either username or email',
  })
  .refine(({ isLinked, isPermanentlyUnlinked }) => isLinked !== true || !isPermanentlyUnlinked, {
    path: ['isLinked'],
    error: 'must be false for whoever is permanently unlinked',
  })
  .refine((line) => line.isActive !== true || isLinkedBy(line), {
    path: ['isActive'],
    error: 'must be false for whoever is not linked',
  })

type CustomerLink = z.output<typeof schema>

/**
 * The learners that customers are linked with (enterprise C.0): accounts, and addresses that have none yet. An address that
 * has an account stands for that account. `isActive`: the customer is the active one of the learner, in place of another.
 * `id` and `created` are those of another system, which keep `enterprise_customer_user` as it was (enterprise-routes.md §2.3).
 */
export const customerLinks = extensionLineType({
  type: 'customerLink',
  usage:
    '{"type": "customerLink", "customer", "username" or "email", "isLinked"?, "isPermanentlyUnlinked"?, "isActive"?, "created"?, "id"?}',
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
    is_active: ['boolean', 'value'],
    shown_id: ['bigint', 'value'],
    is_created_known: ['boolean', 'value'],
    created: ['timestamptz', 'value'],
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
  const named = lines.map((numbered) => numbered.line)
  const customers = named.map(({ customer }) => customer)
  const customerOf = await customerFinder(trx, customers, added)
  const learnerOf = await lockNamedLearners(trx, named, added)
  const learners = lines.map(({ line, number }) => learnerOf(line, number))
  const links = await readLinks(
    trx,
    learners.flatMap((one) => ('learnerId' in one ? one.learnerId : [])),
  )
  const active = trackActive(links)
  const at = metadata.now.toISOString()
  const { rows, failures } = resolveRows(lines, ({ number, line }, earlier): LinkLine => {
    const customerId = customerOf(line.customer, number)
    if (customerId === undefined) return { reason: `customer: ${noCustomer(line.customer)}` }
    const learner = learnerOf(line, number)
    if ('reason' in learner) return learner
    if ('email' in learner) return addressRow(line, customerId, learner.email, at)
    const { learnerId } = learner
    const key = `${customerId} ${learnerId}`
    active.take(learnerId, customerId, isLinkedBy(line) ? line.isActive : false)
    const before = links.get(learnerId)?.find(({ customer_id }) => customer_id === customerId)
    const account = accountRow(line, earlier(key)?.account ?? before, at)
    return { key, row: { account: { learner_id: learnerId, customer_id: customerId, ...account } } }
  })
  await deactivate(trx, active.former(), at)
  const accounts = rows.flatMap(({ account }) =>
    account === undefined ? [] : { ...account, is_active: active.is(account.learner_id, account.customer_id) },
  )
  const addresses = rows.flatMap(({ address }) => address ?? [])
  const written = await upsert(trx, LEARNER_LINKS, accounts)
  return { failures, ...sumOf(written, await upsert(trx, PENDING_LINKS, addresses)) }
}

type LinkLine = { readonly key: string; readonly row: LinkRow } | { readonly reason: string }

/** Of an account, or of an address without one. */
interface LinkRow {
  readonly account?: { learner_id: number; customer_id: number } & ReturnType<typeof accountRow>
  readonly address?: Record<keyof typeof PENDING_LINKS.columns, unknown>
}

function isLinkedBy(line: { isPermanentlyUnlinked: boolean; isLinked?: boolean | undefined }): boolean {
  return line.isLinked ?? !line.isPermanentlyUnlinked
}

/** @param before what was stored, or an earlier line of the same link. */
function accountRow(line: CustomerLink, before: Omit<StoredLink, 'customer_id' | 'is_active'> | undefined, at: string) {
  return {
    is_linked: isLinkedBy(line),
    is_permanently_unlinked: line.isPermanentlyUnlinked,
    shown_id: line.id === undefined ? (before?.shown_id ?? null) : String(line.id),
    is_created_known: line.created !== undefined || (before?.is_created_known ?? false),
    created: line.created ?? before?.created ?? at,
    updated: at,
  }
}

function addressRow(line: CustomerLink, customer_id: number, email: string, at: string): LinkLine {
  const { isPermanentlyUnlinked: is_permanently_unlinked, created = at } = line
  if (line.isActive === true) return { reason: 'isActive: an address without an account has no active customer' }
  const state = { is_linked: isLinkedBy(line), is_permanently_unlinked, taken_by: null, created }
  return { key: `${customer_id} ${email}`, row: { address: { email, customer_id, ...state } } }
}
