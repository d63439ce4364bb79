import { sql, type Kysely } from 'kysely'
import type { LmsDB } from '../database/schema.ts'
import { ENROLLMENT_COLUMNS, ENROLLMENTS } from '../import/enrollments/lms-enrollment.ts'
import { completeRows } from '../import/enrollments/read-lms.ts'
import { selectList } from '../import/enrollments/select.ts'
import type { LmsRow, LmsSource } from '../source/source.ts'
import { compareSides, type Difference, type Side } from './difference.ts'

const PAGE_SIZE = 5_000

/** A course run whose rows are compared. */
export interface RunToCompare {
  /** As it is written here; as there, where it is not here. */
  readonly courseKey: string
  /** Null: it is not here. */
  readonly courseId: number | null
  /** Whether a key of the LMS means it. */
  readonly isMeant: (text: string) => boolean
  /** How the LMS writes it. */
  readonly texts: readonly string[]
}

/** What comparing finds: a difference, or a row that was left aside when it was imported. */
export type Found = Difference | 'aside'

/** Compares the enrollments of a course run one by one, a page at a time. */
export async function* compareRows(db: Kysely<LmsDB>, source: LmsSource, run: RunToCompare): AsyncGenerator<Found> {
  yield* compareThere(db, source, run)
  if (run.courseId !== null) yield* findOnlyHere(db, source, run, run.courseId)
}

async function* compareThere(db: Kysely<LmsDB>, source: LmsSource, run: RunToCompare): AsyncGenerator<Found> {
  const list = await selectList(source, ENROLLMENTS, ENROLLMENT_COLUMNS)
  if (list === null || run.texts.length === 0) return
  let after = 0
  for (;;) {
    const page = await source.query(
      `select ${list} from ${ENROLLMENTS} where course_id in (?) and id > ? order by id limit ${PAGE_SIZE}`,
      [run.texts, after],
    )
    const rows = page.filter((row) => run.isMeant(String(row['course_id'])))
    if (rows.length > 0) yield* comparePage(db, source, run, rows)
    if (page.length < PAGE_SIZE) return
    after = Number(page.at(-1)?.['id'])
  }
}

async function* comparePage(
  db: Kysely<LmsDB>,
  source: LmsSource,
  run: RunToCompare,
  rows: readonly LmsRow[],
): AsyncGenerator<Found> {
  const { enrollments } = await completeRows(source, rows, { ids: rows.map((row) => Number(row['id'])) }, [])
  const here = await readHere(
    db,
    run.courseId,
    enrollments.map(({ userId }) => userId),
  )
  const aside = await readAside(
    db,
    enrollments.map(({ id }) => id),
  )
  for (const { id, userId, mode, isActive, attributes } of enrollments) {
    if (aside.has(id)) {
      yield 'aside'
      continue
    }
    const found = here.get(userId)
    const there = { mode, isActive, attributes }
    const difference = compareSides(found?.side ?? null, there)
    if (difference === null) continue
    const { username = null, enrollmentId = null, side = null } = found ?? {}
    yield { courseId: run.courseKey, userId, username, ...difference, lmsId: id, enrollmentId, here: side, there }
  }
}

interface Here {
  readonly username: string
  readonly enrollmentId: string | null
  readonly side: Side | null
}

interface HereRow {
  readonly user_id: number
  readonly username: string
  readonly enrollment_id: string | null
  readonly mode: string
  readonly is_active: boolean
  readonly attributes: [string, string, string][] | null
}

const ATTRIBUTES_HERE = sql`(select jsonb_agg(jsonb_build_array(a.namespace, a.name, a.value) order by a.position)
  from enrollment_attributes a where a.enrollment_id = e.id)`

async function readHere(
  db: Kysely<LmsDB>,
  courseId: number | null,
  userIds: readonly number[],
): Promise<ReadonlyMap<number, Here>> {
  const { rows } = await sql<HereRow>`
    select l.user_id, l.username, e.id as enrollment_id, e.mode, e.is_active, ${ATTRIBUTES_HERE} as attributes
    from unnest(${userIds}::integer[]) as r (user_id)
    join learners l on l.user_id = r.user_id and l.is_id_of_lms
    left join enrollments e on e.learner_id = l.id and e.course_id = ${courseId}::integer`.execute(db)
  return new Map(
    rows.map((row) => [
      row.user_id,
      {
        username: row.username,
        enrollmentId: row.enrollment_id,
        side: row.enrollment_id === null ? null : sideOf(row),
      },
    ]),
  )
}

function sideOf({ mode, is_active: isActive, attributes }: Omit<HereRow, 'user_id'>): Side {
  const list = (attributes ?? []).map(([namespace, name, value]) => ({ namespace, name, value }))
  return { mode, isActive, attributes: list }
}

async function readAside(db: Kysely<LmsDB>, ids: readonly number[]): Promise<ReadonlySet<number>> {
  const { rows } = await sql<{ primary_key: string }>`select primary_key from lms_rows_aside
    where table_name = ${ENROLLMENTS} and primary_key = any (${ids.map(String)}::text[])`.execute(db)
  return new Set(rows.map((row) => Number(row.primary_key)))
}

interface ActiveRow extends HereRow {
  readonly enrollment_id: string
  readonly is_id_of_lms: boolean
  readonly created: string
}

/** Active enrollments that the LMS does not have; it need not have the others. */
async function* findOnlyHere(
  db: Kysely<LmsDB>,
  source: LmsSource,
  run: RunToCompare,
  courseId: number,
): AsyncGenerator<Found> {
  let last: ActiveRow | undefined
  for (;;) {
    const behind =
      last === undefined
        ? sql`true`
        : sql`(e.created, e.id) > (${last.created}::timestamptz, ${last.enrollment_id}::bigint)`
    const { rows } = await sql<ActiveRow>`
      select e.id as enrollment_id, e.created, e.mode, e.is_active, l.username, l.user_id, l.is_id_of_lms,
        ${ATTRIBUTES_HERE} as attributes
      from enrollments e join learners l on l.id = e.learner_id
      where e.course_id = ${courseId} and e.is_active and ${behind}
      order by e.created, e.id limit ${sql.lit(PAGE_SIZE)}`.execute(db)
    const there = await accountsThere(
      source,
      run,
      rows.filter((row) => row.is_id_of_lms).map((row) => row.user_id),
    )
    for (const row of rows) {
      if (row.is_id_of_lms && there.has(row.user_id)) continue
      yield {
        courseId: run.courseKey,
        userId: row.is_id_of_lms ? row.user_id : null,
        username: row.username,
        is: 'onlyHere',
        in: [],
        lmsId: null,
        enrollmentId: row.enrollment_id,
        here: sideOf(row),
        there: null,
      }
    }
    if (rows.length < PAGE_SIZE) return
    last = rows.at(-1)
  }
}

async function accountsThere(
  source: LmsSource,
  { texts, isMeant }: RunToCompare,
  userIds: readonly number[],
): Promise<ReadonlySet<number>> {
  if (userIds.length === 0 || texts.length === 0 || (await source.columns(ENROLLMENTS)).size === 0) return new Set()
  const rows = await source.query<{ user_id: number | string; course_id: string }>(
    `select user_id, course_id from ${ENROLLMENTS} where user_id in (?) and course_id in (?)`,
    [userIds, texts],
  )
  return new Set(rows.filter((row) => isMeant(row.course_id)).map((row) => Number(row.user_id)))
}
