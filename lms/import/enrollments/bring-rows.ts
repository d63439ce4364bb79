import { sql, type Kysely, type Transaction } from 'kysely'
import { lockRunsOwnedByLms } from '../../../core/course/lock-owner.ts'
import { LOST_RACE, MAX_ATTEMPTS, retryOnSerializationFailure, type LostRace } from '../../../core/database/retry.ts'
import { inTransaction } from '../../../core/database/transaction.ts'
import { isUniqueViolation } from '../../../core/database/failure.ts'
import { quote } from '../../../core/import-export/printable.ts'
import type { LmsDB } from '../../database/schema.ts'
import type { LmsSource } from '../../source/source.ts'
import { unchangedHere } from './attribute-digests.ts'
import type { FindCourseRun } from './course-runs.ts'
import { otherRowsOf } from './duplicates.ts'
import { drawIds } from './ids.ts'
import { isDataError, wordsOf } from './data-error.ts'
import { keepAside, takeBack, type AsideRow } from './keep-aside.ts'
import { ENROLLMENTS, type LmsEnrollment } from './lms-enrollment.ts'
import { planRow, storedOf, type PlanOptions, type RowPlan } from './plan-row.ts'
import { isStray } from './read-lms.ts'
import { readStored, type LocatedEnrollment, type StoredRow } from './read-stored.ts'
import { writeRows } from './write-rows.ts'

export interface BringOptions extends PlanOptions {
  readonly source: LmsSource
  readonly find: FindCourseRun
  /** Whether the events tell of what happened before the import. */
  readonly isImported: boolean
  /** Whether course runs that are owned here are left alone. */
  readonly onlyOwnedByLms: boolean
  /** Whether rows that have no place are kept aside. */
  readonly keepsAside: boolean
  /** Whether rows may have been kept aside before. */
  readonly takesBack: boolean
}

/** What became of rows of the LMS. */
export interface Brought {
  /** Those that are not the same as before. */
  readonly plans: readonly RowPlan[]
  readonly unchanged: readonly LmsEnrollment[]
  readonly aside: readonly AsideRow[]
  /** Of course runs that are owned here. */
  readonly notOwned: readonly LmsEnrollment[]
}

/**
 * Brings enrollments of the LMS here, in one transaction, as few statements as can be. A row that the database refuses is left
 * aside, and costs no other.
 *
 * @throws {EnrollmentError} `unavailable` where other transactions were faster each time.
 */
export async function bringRows(
  db: Kysely<LmsDB>,
  enrollments: readonly LmsEnrollment[],
  options: BringOptions,
): Promise<Brought> {
  try {
    return await retryOnSerializationFailure(db, () => attempt(db, enrollments, options))
  } catch (error) {
    if (!isDataError(error) || db.isTransaction) throw error
    const [first] = enrollments
    if (first !== undefined && enrollments.length === 1) return leaveAside(db, first, wordsOf(error), options)
    const middle = enrollments.length >> 1
    const halves = [enrollments.slice(0, middle), enrollments.slice(middle)]
    const brought: Brought[] = []
    for (const half of halves) brought.push(await bringRows(db, half, options))
    return join(brought)
  }
}

async function leaveAside(
  db: Kysely<LmsDB>,
  enrollment: LmsEnrollment,
  words: string,
  options: BringOptions,
): Promise<Brought> {
  const aside = asideOf(enrollment, `the database refused it: ${words}`)
  if (options.keepsAside) await keepAside(db, aside)
  return { plans: [], unchanged: [], aside, notOwned: [] }
}

async function attempt(
  db: Kysely<LmsDB>,
  enrollments: readonly LmsEnrollment[],
  options: BringOptions,
): Promise<Brought | LostRace> {
  try {
    return await inTransaction(db, (trx) => bringIn(trx, enrollments, options))
  } catch (error) {
    if (isUniqueViolation(error) && !db.isTransaction) return LOST_RACE // Somebody took an id that was free.
    throw error
  }
}

async function bringIn(
  trx: Transaction<LmsDB>,
  enrollments: readonly LmsEnrollment[],
  options: BringOptions,
): Promise<Brought> {
  const { located, homeless } = locate(enrollments, options.find)
  const open = await lockRuns(trx, located, options)
  const rounds: Brought[] = [{ plans: [], unchanged: [], aside: homeless, notOwned: open.notOwned }]
  let rows = open.owned
  for (let round = 0; rows.length > 0; round += 1) {
    if (round === MAX_ATTEMPTS) throw new Error('Other transactions keep changing these enrollments')
    const brought = await bringRound(trx, rows, options)
    rounds.push(brought)
    rows = brought.lost
  }
  const all = join(rounds)
  const strays = all.plans.filter(({ outcome }) => outcome === 'created').flatMap(straysOf)
  const aside = [...all.aside, ...strays]
  if (options.takesBack) {
    await takeBack(
      trx,
      all.plans.filter(({ outcome }) => outcome === 'created').map(({ lms }) => lms.id),
    )
  }
  if (options.keepsAside) await keepAside(trx, aside)
  return { ...all, aside }
}

/** Finds the course runs of enrollments. */
export function locate(
  enrollments: readonly LmsEnrollment[],
  find: FindCourseRun,
): { located: LocatedEnrollment[]; homeless: AsideRow[] } {
  const located: LocatedEnrollment[] = []
  const homeless: AsideRow[] = []
  for (const enrollment of enrollments) {
    const courseId = find(enrollment.courseText)?.id
    if (courseId === undefined)
      homeless.push(...asideOf(enrollment, `there is no course run ${quote(enrollment.courseText)}`))
    else located.push(Object.assign(enrollment, { courseId }))
  }
  return { located, homeless }
}

/** An enrollment that is left aside, with its attributes and its history. */
export function asideOf({ id, content, companions }: LmsEnrollment, why: string): AsideRow[] {
  const ofIts = `its enrollment ${id} was left aside`
  return [
    { table: ENROLLMENTS, primaryKey: String(id), why, content },
    ...companions.map((companion) => ({ ...companion, why: ofIts })),
  ]
}

/** Rows of the history that its events do not tell. */
function straysOf({ lms }: RowPlan): AsideRow[] {
  return lms.companions.filter(isStray).map((companion) => ({
    ...companion,
    why:
      companion.content['history_type'] === '-'
        ? 'it tells of a deletion, and the enrollment is there'
        : 'it has no instant',
  }))
}

/** Holds the course runs: their owner does not change while their enrollments are written. */
async function lockRuns(
  trx: Transaction<LmsDB>,
  located: readonly LocatedEnrollment[],
  { onlyOwnedByLms }: BringOptions,
): Promise<{ owned: readonly LocatedEnrollment[]; notOwned: readonly LmsEnrollment[] }> {
  const ids = [...new Set(located.map(({ courseId }) => courseId))]
  const ofLms = await lockRunsOwnedByLms(trx, ids)
  if (onlyOwnedByLms) {
    const isOwned = ({ courseId }: LocatedEnrollment) => ofLms.has(courseId)
    return { owned: located.filter(isOwned), notOwned: located.filter((row) => !isOwned(row)) }
  }
  const others = ids.filter((id) => !ofLms.has(id))
  if (others.length > 0) {
    await sql`select id from courses where id = any (${others}::integer[]) order by id for key share`.execute(trx)
  }
  return { owned: located, notOwned: [] }
}

type Round = Brought & { readonly lost: readonly LocatedEnrollment[] }

async function bringRound(
  trx: Transaction<LmsDB>,
  rows: readonly LocatedEnrollment[],
  options: BringOptions,
): Promise<Round> {
  const stored = await readStored(trx, rows)
  const { plans, aside } = await planRows(trx, rows, stored, options)
  const ids = await drawIds(trx, plans, stored, rows)
  const writable = plans.map((plan, index) => Object.assign(plan, { id: ids[index] ?? '' }))
  const lost = await writeRows(trx, writable, options)
  const differing = new Set(stored.map(({ n }) => n - 1))
  return {
    plans: writable.filter((plan) => !lost.has(plan)),
    unchanged: rows.filter((_, index) => !differing.has(index)),
    aside,
    notOwned: [],
    lost: [...lost].map(({ lms }) => lms),
  }
}

/** Plans what rows come to that are not the same here. */
export async function planRows(
  db: Kysely<LmsDB>,
  rows: readonly LocatedEnrollment[],
  stored: readonly StoredRow[],
  options: Pick<BringOptions, 'source' | 'find'> & PlanOptions,
): Promise<{ plans: RowPlan[]; aside: AsideRow[] }> {
  const here = stored.map((row) => {
    const lms = rows[row.n - 1]
    if (lms === undefined) throw new RangeError('Each row has its place')
    return { row, lms }
  })
  const others = await otherRowsOf(here, options)
  const withAttributes = here
    .filter(({ row }) => row.enrollment_id !== null)
    .map(({ row, lms }) => ({ lmsId: lms.id, attributes: storedOf(row, 0, false).attributes }))
  const ofLms = await unchangedHere(db, withAttributes)
  const plans: RowPlan[] = []
  const aside: AsideRow[] = []
  for (const { row, lms } of here) {
    const other = others.get(lms)
    if (row.learner_id === null) aside.push(...asideOf(lms, `there is no account with the id ${lms.userId}`))
    else if (other !== undefined) aside.push(...asideOf(lms, `it is the same enrollment as ${other}`))
    else plans.push(planRow(lms, storedOf(row, row.learner_id, ofLms.has(lms.id)), options))
  }
  return { plans, aside }
}

function join(brought: readonly Brought[]): Brought {
  return {
    plans: brought.flatMap(({ plans }) => plans),
    unchanged: brought.flatMap(({ unchanged }) => unchanged),
    aside: brought.flatMap(({ aside }) => aside),
    notOwned: brought.flatMap(({ notOwned }) => notOwned),
  }
}
