import { foldEmail } from '../../../core/learner/email-address.ts'
import type { LmsRow, LmsSource } from '../../source/source.ts'
import { learnerOf } from '../enterprise-joins.ts'
import type { Conversion, Subject } from '../subject.ts'
import { flagOf, idOf, instantOf, textOf, uuidOf } from '../values.ts'

/** The learners of customers, linked and unlinked. */
export const customerLinks: Subject = {
  group: 'enterprise',
  table: 'enterprise_enterprisecustomeruser',
  type: 'customerLink',
  key: 'id',
  columns: ['user_id', 'user_fk', 'active', 'linked', 'is_relinkable', 'enterprise_customer_id', 'created'],
  convert: convertLink,
}

/** A row of `enterprise_enterprisecustomeruser`. */
export function convertLink(row: LmsRow): Conversion {
  const isLinked = flagOf(row['linked'], true)
  const isActive = flagOf(row['active'])
  const created = instantOf(row['created'])
  const line = {
    type: 'customerLink',
    customer: uuidOf(row['enterprise_customer_id']),
    username: learnerOf(row),
    isLinked,
    isPermanentlyUnlinked: !isLinked && !flagOf(row['is_relinkable'], true),
    isActive: isLinked && isActive,
    id: idOf(row['id']),
    ...(created !== null && { created }),
  }
  return { lines: [{ line }], bent: isActive && !isLinked ? ['active: who is not linked is not active'] : [] }
}

/** Addresses that customers have linked before there was an account. */
export const pendingLinks: Subject = {
  group: 'enterprise',
  table: 'enterprise_pendingenterprisecustomeruser',
  type: 'customerLink',
  key: 'id',
  columns: ['user_email', 'enterprise_customer_id'],
  readMore: withLinks,
  convert: convertPendingLink,
}

/** A row of `enterprise_pendingenterprisecustomeruser`, and whether the address has an account with a link by now. */
export function convertPendingLink(row: LmsRow): Conversion {
  const email = textOf(row['user_email']) ?? ''
  if (flagOf(row['has_link'])) return { lines: [], bent: ['the address has an account, whose own link counts'] }
  return { lines: [{ line: { type: 'customerLink', customer: uuidOf(row['enterprise_customer_id']), email } }] }
}

async function withLinks(source: LmsSource, rows: readonly LmsRow[]): Promise<readonly LmsRow[]> {
  const users = await source.query<LmsRow>('select id, email from auth_user where email in (?)', [
    rows.map((row) => row['user_email'] ?? null),
  ])
  if (users.length === 0 || (await source.columns('enterprise_enterprisecustomeruser')).size === 0) return rows
  const links = await source.query<LmsRow>(
    'select user_id, enterprise_customer_id from enterprise_enterprisecustomeruser where user_id in (?)',
    [users.map((row) => row['id'] ?? null)],
  )
  const linked = new Set(links.map((row) => `${textOf(row['user_id'])} ${uuidOf(row['enterprise_customer_id'])}`))
  const ids = Map.groupBy(users, (row) => foldEmail(textOf(row['email']) ?? ''))
  return rows.map((row) => {
    const own = ids.get(foldEmail(textOf(row['user_email']) ?? '')) ?? []
    const hasLink = own.some(({ id }) => linked.has(`${textOf(id)} ${uuidOf(row['enterprise_customer_id'])}`))
    return { ...row, has_link: hasLink ? 1 : 0 }
  })
}
