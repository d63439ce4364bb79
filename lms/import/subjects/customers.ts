import type { LmsRow, LmsSource } from '../../source/source.ts'
import { account, type Conversion, type Subject } from '../subject.ts'
import { flagOf, idOf, textOf, textOrNull, uuidOf } from '../values.ts'

/** Customers (lms.md A.6). */
export const customers: Subject = {
  group: 'enterprise',
  table: 'enterprise_enterprisecustomer',
  type: 'customer',
  key: 'uuid',
  columns: ['name', 'slug', 'active', 'enable_autocohorting'],
  convert: convertCustomer,
}

/** A row of `enterprise_enterprisecustomer`. */
export function convertCustomer(row: LmsRow): Conversion {
  const uuid = uuidOf(row['uuid'])
  if (uuid === null) return { leftAside: `'${textOf(row['uuid']) ?? ''}' is not a UUID` }
  const [name, slug] = [textOrNull(row['name']), textOrNull(row['slug'])]
  const line = {
    type: 'customer',
    uuid,
    name: name ?? slug ?? uuid,
    slug,
    isActive: flagOf(row['active'], true),
    enableAutocohorting: flagOf(row['enable_autocohorting']),
  }
  return { lines: [{ line }], bent: name === null ? ['name: is empty, and becomes the slug'] : [] }
}

/** Who administers customers: a role for all contexts is one for each customer (lms.md A.6). */
export const customerAdmins: Subject = {
  group: 'enterprise',
  table: 'enterprise_systemwideenterpriseuserroleassignment',
  type: 'customerAdmin',
  key: 'id',
  columns: ['applies_to_all_contexts', 'enterprise_customer_id', 'user_id'],
  joins: [
    { table: 'enterprise_systemwideenterpriserole', as: 'r', on: ['t.role_id', 'id'], columns: { role: 'name' } },
  ],
  hasParts: true,
  readMore: withAllCustomers,
  convert: convertAdmin,
}

/** A row of `enterprise_systemwideenterpriseuserroleassignment`, with all customers where it is about all. */
export function convertAdmin(row: LmsRow): Conversion {
  const role = textOf(row['role']) ?? ''
  // The links say who is a learner of whom.
  if (role === 'enterprise_learner') return { lines: [] }
  if (role !== 'enterprise_admin') return { leftAside: `the role '${role}' has no place here` }
  const own = isForAll(row) ? null : uuidOf(row['enterprise_customer_id'])
  const uuids = own === null ? (textOf(row['customers']) ?? '').split(',').filter((uuid) => uuid !== '') : [own]
  const username = account(idOf(row['user_id']))
  return {
    lines: uuids.map((customer) => ({ line: { type: 'customerAdmin', customer, username }, part: customer })),
    bent: own === null ? [`it is for all customers, and becomes one for each: ${uuids.length}`] : [],
  }
}

function isForAll(row: LmsRow): boolean {
  return flagOf(row['applies_to_all_contexts']) || uuidOf(row['enterprise_customer_id']) === null
}

async function withAllCustomers(source: LmsSource, rows: readonly LmsRow[]): Promise<readonly LmsRow[]> {
  if (!rows.some(isForAll) || (await source.columns('enterprise_enterprisecustomer')).size === 0) return rows
  const all = await source.query<LmsRow>('select uuid from enterprise_enterprisecustomer order by uuid')
  const customers = all.flatMap((row) => uuidOf(row['uuid']) ?? []).join(',')
  return rows.map((row) => (isForAll(row) ? { ...row, customers } : row))
}

/** Who becomes an administrator when an account comes: there is no such thing here. */
export const pendingAdmins: Subject = {
  group: 'enterprise',
  table: 'enterprise_pendingenterprisecustomeradminuser',
  type: 'customerAdmin',
  key: 'id',
  columns: ['user_email', 'enterprise_customer_id'],
  convert: (row) => ({
    leftAside: `'${textOf(row['user_email']) ?? ''}' is to become an administrator of ${uuidOf(row['enterprise_customer_id'])} when there is an account: that has no place here`,
  }),
}
