import { sql } from 'kysely'
import type { LmsRow, LmsSource } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import type { Conversion, Subject } from '../subject.ts'
import { countryOf, courseRunOf, flagOf, noCourseRun, textOf, textOrNull } from '../values.ts'

/** The countries that course runs let in or keep out (lms.md A.5). */
export const embargoRules: Subject = {
  group: 'embargo',
  table: 'embargo_restrictedcourse',
  type: 'embargo',
  key: 'id',
  columns: ['course_key', 'enroll_msg_key'],
  readMore: withCountries,
  convert: convertEmbargo,
  removal: {
    identity: ({ courseId }) => String(courseId),
    async remove(trx, lines) {
      await sql`
        delete from embargo_rules r using courses c
        where c.id = r.course_id and c.course_key = any (${lines.map(({ courseId }) => courseId)}::text[])`.execute(trx)
    },
  },
}

/** A row of `embargo_restrictedcourse` with its countries. */
export function convertEmbargo(row: LmsRow, courses: CourseKeys): Conversion {
  const course = courseRunOf(row['course_key'], courses)
  if (course === null) return { leftAside: noCourseRun(row['course_key']) }
  const [whitelist, blacklist] = [countriesIn(row['whitelist']), countriesIn(row['blacklist'])]
  const line = {
    type: 'embargo',
    courseId: course.key,
    whitelist: whitelist.countries,
    blacklist: blacklist.countries,
    messageKey: textOrNull(row['enroll_msg_key']) ?? 'default',
  }
  return { lines: [{ line }], bent: [...course.bent, ...whitelist.bent, ...blacklist.bent] }
}

function countriesIn(list: LmsRow[string] | undefined) {
  const texts = (textOf(list) ?? '').split(',').filter((text) => text !== '')
  return {
    countries: texts.flatMap((text) => countryOf(text) ?? []),
    bent: texts.flatMap((text) =>
      countryOf(text) === null ? [`country: '${text}' is not a country, and is left out`] : [],
    ),
  }
}

async function withCountries(source: LmsSource, rows: readonly LmsRow[]): Promise<readonly LmsRow[]> {
  const needed = ['embargo_countryaccessrule', 'embargo_country']
  for (const table of needed) if ((await source.columns(table)).size === 0) return rows
  const rules = await source.query<LmsRow>(
    `select r.restricted_course_id, r.rule_type, c.country from embargo_countryaccessrule r
      join embargo_country c on c.id = r.country_id where r.restricted_course_id in (?) order by c.country`,
    [rows.map((row) => row['id'] ?? null)],
  )
  const listOf = (row: LmsRow, type: string) =>
    rules
      .filter((rule) => rule['restricted_course_id'] === row['id'] && rule['rule_type'] === type)
      .map((rule) => textOf(rule['country']))
      .join(',')
  return rows.map((row) => ({ ...row, whitelist: listOf(row, 'whitelist'), blacklist: listOf(row, 'blacklist') }))
}

/** The countries that no course run lets in. */
export const embargoCountries: Subject = {
  group: 'embargo',
  table: 'embargo_globalrestrictedcountry',
  type: 'embargoCountry',
  key: 'id',
  columns: ['country_id'],
  joins: [{ table: 'embargo_country', as: 'c', on: ['t.country_id', 'id'], columns: { country: 'country' } }],
  convert: convertEmbargoCountry,
  removal: {
    identity: ({ country }) => String(country),
    async remove(trx, lines) {
      await sql`delete from embargo_countries where country = any (${lines.map(({ country }) => country)}::text[])`.execute(
        trx,
      )
    },
  },
}

/** A row of `embargo_globalrestrictedcountry` with its country. */
export function convertEmbargoCountry(row: LmsRow): Conversion {
  const country = countryOf(row['country'])
  if (country === null) return { leftAside: `'${textOf(row['country']) ?? ''}' is not a country` }
  return { lines: [{ line: { type: 'embargoCountry', country } }] }
}

/** The addresses that are let in, or kept out, whatever their country: the newest settings count, where they are on. */
export const embargoAddresses: Subject = {
  group: 'embargo',
  table: 'embargo_ipfilter',
  type: 'embargoAddress',
  key: 'id',
  columns: ['enabled', 'whitelist', 'blacklist'],
  where: 'id = (select n.id from embargo_ipfilter n order by n.change_date desc, n.id desc limit 1)',
  hasParts: true,
  convert: convertAddresses,
  removal: {
    identity: ({ network }) => String(network),
    async remove(trx, lines) {
      await sql`delete from embargo_addresses where network = any (${lines.map(({ network }) => network)}::cidr[])`.execute(
        trx,
      )
    },
  },
}

/** A row of `embargo_ipfilter`. What is on both lists is let in, as the LMS asks that one first. */
export function convertAddresses(row: LmsRow): Conversion {
  if (!flagOf(row['enabled'])) return { lines: [] }
  const networks = new Map<string, boolean>()
  for (const network of networksIn(row['blacklist'])) networks.set(network, false)
  for (const network of networksIn(row['whitelist'])) networks.set(network, true)
  return {
    lines: [...networks].map(([network, isAllowed]) => ({
      line: { type: 'embargoAddress', network, isAllowed },
      part: network,
    })),
  }
}

function networksIn(list: LmsRow[string] | undefined): string[] {
  return (textOf(list) ?? '').split(/[\s,]+/).filter((text) => text !== '')
}
