import { sql, type Kysely } from 'kysely'
import type { LmsDB } from '../database/schema.ts'
import { ATTRIBUTES, ENROLLMENTS } from '../import/enrollments/lms-enrollment.ts'
import type { LmsSource } from '../source/source.ts'

/** What both sides can add up of a course run: equal sums of hashes are equal sets, whatever their order. */
export interface Sums {
  count: number
  /** Of accounts with mode and activity. */
  enrollments: bigint
  /** Of accounts with attributes. */
  attributes: bigint
}

// Both are the first 48 bits of MD5, over the same bytes: UTF-8.
const inMysql = (text: string) => `cast(conv(substr(md5(convert(${text} using utf8mb4)), 1, 12), 16, 10) as unsigned)`
const inPostgres = (text: string) => sql.raw(`('x' || substr(md5(${text}), 1, 12))::bit(48)::bigint`)

/** The key byte for byte: grouped by the collation, runs that are none of each other's would be one. */
const KEY = 'cast(convert(e.course_id using utf8mb4) as binary)'

interface MysqlSum {
  readonly [column: string]: Buffer | string
  readonly course_id: Buffer
  readonly count: string
  readonly sum: string
}

/**
 * The sums of the LMS, by the key as it is written there.
 *
 * @param keys of course runs, of which MySQL may take others for the same; null: all.
 */
export async function sumsThere(source: LmsSource, keys: readonly string[] | null): Promise<Map<string, Sums>> {
  const sums = new Map<string, Sums>()
  if (keys?.length === 0 || (await source.columns(ENROLLMENTS)).size === 0) return sums
  const [condition, values] = keys === null ? ['true', []] : ['e.course_id in (?)', [keys]]
  const enrollments = await source.query<MysqlSum>(
    `select ${KEY} as course_id, count(*) as count,
      sum(${inMysql("concat(e.user_id, ':', e.is_active <> 0, ':', if(length(e.mode) = 0, 'audit', e.mode))")}) as sum
    from ${ENROLLMENTS} e where ${condition} group by 1`,
    values,
  )
  for (const row of enrollments) {
    sums.set(textOf(row), { count: Number(row.count), enrollments: BigInt(row.sum), attributes: 0n })
  }
  if ((await source.columns(ATTRIBUTES)).size === 0) return sums
  // Of those of one name the last one counts.
  const attributes = await source.query<MysqlSum>(
    `select ${KEY} as course_id, count(*) as count, sum(${inMysql(
      `concat(e.user_id, ':', char_length(a.namespace), ':', a.namespace, ':', char_length(a.name), ':', a.name, ':', a.value)`,
    )}) as sum
    from ${ATTRIBUTES} a join ${ENROLLMENTS} e on e.id = a.enrollment_id
    where ${condition} and not exists (
      select 1 from ${ATTRIBUTES} b where b.enrollment_id = a.enrollment_id and b.id > a.id
        and cast(b.namespace as binary) = cast(a.namespace as binary) and cast(b.name as binary) = cast(a.name as binary)
    ) group by 1`,
    values,
  )
  for (const row of attributes) Object.assign(sums.get(textOf(row)) ?? {}, { attributes: BigInt(row.sum) })
  return sums
}

function textOf({ course_id: key }: MysqlSum): string {
  return Buffer.from(key).toString('utf8')
}

interface PostgresSum {
  readonly course_key: string
  readonly count: string
  readonly sum: string
}

/** The sums of what is here, by the stored key. An account that the LMS does not have is none of its accounts. */
export async function sumsHere(db: Kysely<LmsDB>, keys: readonly string[] | null): Promise<Map<string, Sums>> {
  const among = keys === null ? sql`true` : sql`c.course_key = any (${keys}::text[])`
  const account = sql`case when l.is_id_of_lms then l.user_id::text else 'here ' || l.id end`
  const { rows } = await sql<PostgresSum>`
    select c.course_key, s.count, s.sum from (
      select e.course_id, count(*) as count, sum(${inPostgres('t.text')}) as sum
      from enrollments e join learners l on l.id = e.learner_id,
        lateral (select concat(${account}, ':', e.is_active::integer, ':', e.mode) as text) t
      where ${keys === null ? sql`true` : sql`e.course_id in (select c.id from courses c where ${among})`}
      group by e.course_id
    ) s join courses c on c.id = s.course_id`.execute(db)
  const sums = new Map(
    rows.map((row) => [row.course_key, { count: Number(row.count), enrollments: BigInt(row.sum), attributes: 0n }]),
  )
  const attributes = await sql<PostgresSum>`
    select c.course_key, count(*) as count, sum(${inPostgres('t.text')}) as sum
    from enrollment_attributes a join enrollments e on e.id = a.enrollment_id join learners l on l.id = e.learner_id
      join courses c on c.id = e.course_id,
      lateral (select concat(${account}, ':', char_length(a.namespace), ':', a.namespace, ':', char_length(a.name), ':', a.name, ':',
        a.value) as text) t
    where ${among} group by c.course_key`.execute(db)
  for (const row of attributes.rows) Object.assign(sums.get(row.course_key) ?? {}, { attributes: BigInt(row.sum) })
  return sums
}

export function isEqual(a: Sums, b: Sums): boolean {
  return a.count === b.count && a.enrollments === b.enrollments && a.attributes === b.attributes
}

/** The sums of keys that mean one course run. */
export function addSums(all: readonly Sums[]): Sums {
  const total = { count: 0, enrollments: 0n, attributes: 0n }
  for (const { count, enrollments, attributes } of all) {
    total.count += count
    total.enrollments += enrollments
    total.attributes += attributes
  }
  return total
}
