import type { LmsRow, SourceJoin } from '../source/source.ts'
import { account, type AccountReference } from './subject.ts'
import { idOf, numberOf, textOrNull } from './values.ts'

/** The account of a link, by the newer of its columns where the release has it and it is filled. */
export function learnerOf(row: LmsRow): AccountReference {
  return account(numberOf(row['user_fk']) ?? idOf(row['user_id']))
}

/** How a record came. */
export const sourceJoin: SourceJoin = {
  table: 'enterprise_enterpriseenrollmentsource',
  as: 's',
  on: ['t.source_id', 'id'],
  columns: { source: 'slug' },
}

/** The link of a learner with a customer, by a column that refers to it. */
export function linkBy(column: string): SourceJoin {
  return {
    table: 'enterprise_enterprisecustomeruser',
    as: 'k',
    on: [column, 'id'],
    columns: {
      link_id: 'id',
      enterprise_customer_id: 'enterprise_customer_id',
      user_id: 'user_id',
      user_fk: 'user_fk',
    },
  }
}

/** The source of a record as a part of its line, and what is to be remarked. */
export function sourceOf(row: LmsRow) {
  const slug = textOrNull(row['source'])
  if (slug === null || SOURCES.has(slug)) return { part: slug === null ? {} : { source: slug }, bent: [] }
  return { part: {}, bent: [`source: '${slug}' is none that is known`] }
}

/** Why a row of a link that is gone is left aside. */
export const NO_LINK = 'there is no such link of a learner with a customer'
const SOURCES = new Set([
  ...['manual', 'enterprise_api', 'customer_admin', 'enrollment_url', 'offer_redemption'],
  ...['enrollment_task', 'management_command'],
])
