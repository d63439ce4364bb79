import type { Kysely } from 'kysely'
import { instantFromDate } from '../../../core/database/instant.ts'
import { wakeReaders } from '../../../core/event/wake.ts'
import type { LmsDB } from '../../database/schema.ts'
import type { LmsRow, LmsSource } from '../../source/source.ts'
import { actorsOf, type Actors } from './actors.ts'
import { bringRows, type Brought } from './bring-rows.ts'
import { courseRunFinder, type FindCourseRun } from './course-runs.ts'
import { isSame, type HistoryRow } from './fold-history.ts'
import { keepSequenceAbove } from './ids.ts'
import { ENROLLMENT_COLUMNS, ENROLLMENTS, type LmsEnrollment } from './lms-enrollment.ts'
import { completeRows, newestHistory } from './read-lms.ts'
import { selectList } from './select.ts'

/** Enrollments of the LMS: by their ids there, or by account and course run as they are written there. */
export type PresentRows =
  | { readonly ids: readonly number[] }
  | { readonly pairs: readonly { readonly userId: number; readonly courseText: string }[] }

export interface ApplyOptions {
  readonly now?: Date
  /** Finds course runs; made anew for each call without it, which reads all of them. */
  readonly find?: FindCourseRun
  /** Whether course runs that are owned here are written too, as a repair does; by default they are left alone. */
  readonly anyOwner?: boolean
}

/** What became of rows, by their ids in the LMS. */
export interface Applied {
  /** Those that were created or changed here. */
  readonly changed: readonly number[]
  readonly unchanged: readonly number[]
  /** Those of course runs that the LMS does not own. */
  readonly notOwned: readonly number[]
  /** Those that cannot be here yet, e.g. because their account or their course run is not. */
  readonly waiting: readonly { readonly id: number; readonly why: string }[]
}

/** Ids and pairs in one statement. */
const PIECE = 1000

/**
 * Applies enrollments as they are in the LMS now, never what an event tells (lms.md D.2): as live changes, by the account of
 * the newest row of their history. Rows that are gone are none; what is the same already changes nothing.
 *
 * @param source sees the present: not in a snapshot.
 * @throws {EnrollmentError} `unavailable` where other transactions were faster each time; what was applied before stays.
 */
export async function applyPresentRows(
  db: Kysely<LmsDB>,
  source: LmsSource,
  rows: PresentRows,
  { now = new Date(), find, anyOwner = false }: ApplyOptions = {},
): Promise<Applied> {
  const finder = find ?? (await courseRunFinder(db))
  const applied: Applied[] = []
  for (const piece of piecesOf(rows)) {
    const present = await readPresent(source, piece)
    applied.push(await applyRead(db, present, { source, find: finder, now, anyOwner }))
  }
  if (applied.some(({ changed }) => changed.length > 0)) wakeReaders(db)
  return {
    changed: applied.flatMap(({ changed }) => changed),
    unchanged: applied.flatMap(({ unchanged }) => unchanged),
    notOwned: applied.flatMap(({ notOwned }) => notOwned),
    waiting: applied.flatMap(({ waiting }) => waiting),
  }
}

function piecesOf(rows: PresentRows): PresentRows[] {
  const [ids, pairs] = 'ids' in rows ? [[...new Set(rows.ids)], []] : [[], rows.pairs]
  const count = Math.ceil(Math.max(ids.length, pairs.length) / PIECE)
  return Array.from({ length: count }, (_, index) => {
    const [from, to] = [index * PIECE, (index + 1) * PIECE]
    return 'ids' in rows ? { ids: ids.slice(from, to) } : { pairs: pairs.slice(from, to) }
  })
}

/** Enrollments as the LMS has them at one moment, with who has changed them last. */
export interface PresentEnrollments {
  readonly enrollments: readonly LmsEnrollment[]
  readonly newest: ReadonlyMap<number, HistoryRow>
  readonly actorOf: Actors['actorOf']
}

/** Reads enrollments as they are now; those that are gone are none. */
export async function readPresent(source: LmsSource, rows: PresentRows): Promise<PresentEnrollments> {
  const contents = await readContents(source, rows)
  const ids = contents.map((row) => Number(row['id']))
  const newest = await newestHistory(source, ids)
  const { enrollments } = await completeRows(source, contents, { ids }, [])
  const actors = actorsOf(source)
  await actors.know([...newest.values()].map(({ userId }) => userId))
  return { enrollments, newest, actorOf: actors.actorOf }
}

async function readContents(source: LmsSource, rows: PresentRows): Promise<LmsRow[]> {
  const list = await selectList(source, ENROLLMENTS, ENROLLMENT_COLUMNS)
  const isNone = 'ids' in rows ? rows.ids.length === 0 : rows.pairs.length === 0
  if (list === null || isNone) return []
  const statement = `select ${list} from ${ENROLLMENTS} where`
  if ('ids' in rows) return source.query(`${statement} id in (?) order by id`, [rows.ids])
  const conditions = rows.pairs.map(() => '(user_id = ? and course_id = ?)').join(' or ')
  const values = rows.pairs.flatMap(({ userId, courseText }) => [userId, courseText])
  return source.query(`${statement} ${conditions} order by id`, values)
}

/**
 * Applies enrollments that were read.
 *
 * @param db a pool; or a transaction, in which a row that the database refuses fails all of it.
 * @param options.keepsAside whether those that cannot be here yet are kept aside.
 */
export async function applyRead(
  db: Kysely<LmsDB>,
  { enrollments, newest, actorOf }: PresentEnrollments,
  { source, find, now, anyOwner = false, keepsAside = false }: ApplyReadOptions,
): Promise<Applied> {
  if (enrollments.length === 0) return { changed: [], unchanged: [], notOwned: [], waiting: [] }
  await keepSequenceAbove(db, Math.max(...enrollments.map(({ id }) => id)))
  const tellsOf = ({ id, mode, isActive }: LmsEnrollment) => {
    const row = newest.get(id)
    return row === undefined || !isSame(row, { mode, isActive }) ? undefined : row
  }
  const brought = await bringRows(
    db,
    enrollments.map((row) => ({ ...row, history: beginning(tellsOf(row)) })),
    {
      source,
      find,
      prefer: 'lms',
      now: instantFromDate(now),
      actorOf,
      changeOf: tellsOf,
      isImported: false,
      onlyOwnedByLms: !anyOwner,
      keepsAside,
      takesBack: true,
    },
  )
  return appliedOf(brought)
}

export interface ApplyReadOptions {
  readonly source: LmsSource
  readonly find: FindCourseRun
  readonly now: Date
  readonly anyOwner?: boolean
  readonly keepsAside?: boolean
}

/** A new enrollment is one event, by whoever made the newest change. */
function beginning(newest: HistoryRow | undefined): readonly HistoryRow[] {
  return newest === undefined ? [] : [{ ...newest, type: '+' }]
}

function appliedOf({ plans, unchanged, aside, notOwned }: Brought): Applied {
  const isChange = ({ outcome }: Brought['plans'][number]) => outcome === 'created' || outcome === 'changed'
  return {
    changed: plans.filter(isChange).map(({ lms }) => lms.id),
    unchanged: [...plans.filter((plan) => !isChange(plan)).map(({ lms }) => lms.id), ...unchanged.map(({ id }) => id)],
    notOwned: notOwned.map(({ id }) => id),
    waiting: aside
      .filter(({ table }) => table === ENROLLMENTS)
      .map(({ primaryKey, why }) => ({ id: Number(primaryKey), why })),
  }
}
