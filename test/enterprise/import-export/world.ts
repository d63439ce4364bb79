import { sql, type Kysely } from 'kysely'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { enterpriseLineTypes } from '../../../enterprise/import-export/line-types.ts'
import { empty, exportAll, importAll } from '../../support/transfer.ts'

export const ACME = '5c1a1c3e-2b1f-4c3a-9d7e-8f6a5b4c3d2e'
export const GLOBEX = '0d9f8e7c-6b5a-4938-a716-253443526170'

export const user = (username: string, email: string | null = `${username}@example.com`) => ({
  type: 'user',
  username,
  email,
})
export const customer = (uuid: string, more: object = {}) => ({ type: 'customer', uuid, name: 'ACME', ...more })
export const admin = (username: string, of = ACME) => ({ type: 'customerAdmin', customer: of, username })
export const link = (who: object, more: object = {}) => ({ type: 'customerLink', customer: ACME, ...who, ...more })

/** A file with every type of line of the extension. */
export const world = [
  user('alice'),
  user('bob', 'Bob@Example.com'),
  user('carol', null),
  customer(ACME, { slug: 'acme' }),
  customer(GLOBEX.toUpperCase().replaceAll('-', ''), { name: 'Globex' }),
  admin('alice'),
  admin('carol', GLOBEX),
  link({ username: 'alice' }),
  link({ username: 'carol' }, { isLinked: false }),
  link({ email: 'bob@example.com' }, { isPermanentlyUnlinked: true }),
  link({ email: 'New@Example.com' }),
  link({ email: 'gone@example.com' }, { isLinked: false, isPermanentlyUnlinked: true }),
]

/** Imports lines of core and of the extension. */
export function importLines(
  db: Kysely<EnterpriseDB>,
  lines: readonly (object | string)[],
  settings: { strict?: boolean } = {},
) {
  return importAll(db, lines, { ...settings, further: enterpriseLineTypes })
}

/** The whole export, that of the extension's lines with it. */
export function exportText(db: Kysely<EnterpriseDB>): Promise<string> {
  return exportAll(db, enterpriseLineTypes)
}

/** Takes away all that such lines write. */
export async function removeAll(db: Kysely<EnterpriseDB>): Promise<void> {
  await empty(db)
  await sql`truncate enterprise_customers, enterprise_enrollment_records, enterprise_fulfilments,
    enterprise_notification_intents, enterprise_ledger_transactions restart identity cascade`.execute(db)
}
