import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the embargo rules. */
export function exportEmbargoRules(db: Kysely<DB>): AsyncGenerator<string> {
  const rules = db
    .selectFrom('embargo_rules as r')
    .innerJoin('courses as c', 'c.id', 'r.course_id')
    .select(['r.course_id', 'c.course_key', 'r.whitelist', 'r.blacklist', 'r.message_key'])
    .orderBy('r.course_id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { course_id: number } | null) => rules.where('r.course_id', '>', after?.course_id ?? 0).execute(),
    (row) => ({
      type: 'embargo',
      courseId: row.course_key,
      whitelist: row.whitelist,
      blacklist: row.blacklist,
      messageKey: row.message_key,
    }),
  )
}

/** Exports the countries that no course run lets in. */
export function exportEmbargoCountries(db: Kysely<DB>): AsyncGenerator<string> {
  const countries = db.selectFrom('embargo_countries').select('country').orderBy('country').limit(PAGE_SIZE)
  return pagesOf(
    (after: { country: string } | null) => countries.where('country', '>', after?.country ?? '').execute(),
    ({ country }) => ({ type: 'embargoCountry', country }),
  )
}

/** Exports the addresses that are let in, or kept out, whatever their country. */
export function exportEmbargoAddresses(db: Kysely<DB>): AsyncGenerator<string> {
  const addresses = db
    .selectFrom('embargo_addresses as a')
    .select([sql<string>`a.network::text`.as('network'), 'a.is_allowed'])
    .orderBy('a.network')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { network: string } | null) =>
      (after === null ? addresses : addresses.where(sql<boolean>`a.network > ${after.network}::cidr`)).execute(),
    (row) => ({ type: 'embargoAddress', network: row.network, isAllowed: row.is_allowed }),
  )
}
