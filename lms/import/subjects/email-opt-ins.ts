import { sql } from 'kysely'
import type { LmsRow } from '../../source/source.ts'
import { account, type Conversion, type Removal, type Subject } from '../subject.ts'
import { idOf, instantOf, textOf } from '../values.ts'

const removal: Removal = {
  identity: ({ username, org }) => JSON.stringify([username, org]),
  async remove(trx, lines) {
    const values = (key: string) => lines.map((line) => String(line[key]))
    await sql`
      delete from email_optins o
      using learners l, unnest(${values('username')}::text[], ${values('org')}::text[]) as line (username, org)
      where l.username = line.username and o.learner_id = l.id and o.org = line.org`.execute(trx)
  },
}

/** Whether learners want e-mail from organisations; tags of other kinds are none (lms.md A.1). */
export const emailOptIns: Subject = {
  group: 'optins',
  table: 'user_api_userorgtag',
  type: 'emailOptIn',
  key: 'id',
  columns: ['user_id', 'org', 'value', 'modified'],
  where: "`key` = 'email-optin'",
  convert: convertOptIn,
  removal,
}

/** A row of `user_api_userorgtag`. */
export function convertOptIn(row: LmsRow): Conversion {
  const updated = instantOf(row['modified'])
  const line = {
    type: 'emailOptIn',
    username: account(idOf(row['user_id'])),
    org: textOf(row['org']) ?? '',
    value: textOf(row['value']) ?? '',
    ...(updated !== null && { updated }),
  }
  return { lines: [{ line }] }
}
