import { sql, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import { LOST_RACE, retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import type { Attribute } from '../enrollment/attributes.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import type { PairPlan } from '../enrollment/plan.ts'
import { replaceAttributes } from '../enrollment/write-attributes.ts'
import { writeChanges } from '../enrollment/write.ts'
import {
  failureOf,
  type Added,
  type GroupContext,
  type GroupOutcome,
  type LineFailure,
  type Numbered,
} from './group-importer.ts'
import { drawAbove, readLmsIds, releaseLmsIds, writeLmsIds, type LmsIds } from './lms-ids.ts'
import {
  anotherCreated,
  planImport,
  type EnrollmentLine,
  type PlannedPair,
  type StoredPair,
} from './plan-enrollments.ts'
import { OutOfTurn, type Turn } from './overlap.ts'
import { isThere, noAccount, noCourse } from './references.ts'
import { readPairs, type PairRow } from './stored-pairs.ts'

/**
 * Imports enrollments: past every rule, but with the events and versions that any other change leaves. An enrollment
 * that exists gets mode and activation of the line, its attributes where the line has some, and its `created` where the
 * line names another; only mode and activation count as a change of the enrollment (`version`, `updated`). A new one has the
 * id of the LMS as its own, where that is free.
 *
 * @throws {EnrollmentError} `unavailable` where other transactions changed the enrollments each time.
 */
export async function importEnrollments(
  trx: Transaction<DB>,
  lines: readonly Numbered<'enrollment'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const { metadata, turn } = context
  const failures: LineFailure[] = []
  let [created, changed] = [0, 0]
  let open = lines
  return retryOnSerializationFailure(trx, async () => {
    const read = await readStored(trx, open, context)
    failures.push(...read.failures)
    const { pairs, metadataOf } = planImport(read.found, instantFromDate(metadata.now), metadata)
    const changing = pairs.filter(isChanging).map((pair) => withOwnId(pair, read.lmsIds))
    const lost = await writePairs(trx, changing, { metadataOf, lmsIds: read.lmsIds, turn })
    const kept = changing.filter((pair) => !lost.includes(pair))
    created += kept.filter(({ plan }) => plan.read === null).length
    changed += kept.filter(({ plan }) => plan.read !== null).length
    open = lost.flatMap(({ plan }) => plan.indexes.flatMap((index) => read.found[index] ?? []))
    return open.length > 0 ? LOST_RACE : { failures, created, changed }
  })
}

/** Reads what is stored for lines, and finds out which of them name an account or a course run that is not there. */
async function readStored(
  trx: Transaction<DB>,
  lines: readonly Numbered<'enrollment'>[],
  { added, turn }: GroupContext,
): Promise<{ found: (EnrollmentLine & Numbered<'enrollment'>)[]; failures: LineFailure[]; lmsIds: LmsIds }> {
  const isRepeated = repetitionsAmong(lines)
  const asked = lines.map((numbered) => {
    const { canSeeLearner, canSeeCourse } = visibleTo(numbered, added)
    return { ...numbered, isWanted: isRepeated(numbered) || !canSeeLearner || !canSeeCourse }
  })
  const rows = (await readPairs(trx, asked)).map((row) => ({ ...row, numbered: numberedAt(lines, row.n) }))
  const lmsIds = await readLmsIds(
    trx,
    rows.flatMap(({ numbered: { line } }) => line.id ?? []),
    rows.flatMap((row) => row.enrollment_id ?? []),
  )
  const found: (EnrollmentLine & Numbered<'enrollment'>)[] = []
  const failures: LineFailure[] = []
  for (const row of rows.toSorted((a, b) => a.n - b.n)) {
    const { numbered } = row
    const { username, courseId: key } = numbered.line
    const { canSeeLearner, canSeeCourse } = visibleTo(numbered, added)
    if (!canSeeLearner || row.learner_id === null)
      failures.push(failureOf(numbered, `username: ${noAccount(username)}`))
    else if (!canSeeCourse || row.course_id === null) failures.push(failureOf(numbered, `courseId: ${noCourse(key)}`))
    else {
      const stored = storedPair(row, row.learner_id, row.course_id)
      const taken = takeId(numbered.line.id, stored, lmsIds, turn)
      const name = addedEnrollment(row.learner_id, row.course_id)
      const isNew = taken === null && stored.enrollment === null && !added.others.has(name)
      if (isNew) added.others.set(name, numbered.number)
      if (taken === null) found.push({ ...numbered, stored })
      else failures.push(failureOf(numbered, taken))
    }
  }
  return { found, failures, lmsIds }
}

function numberedAt(lines: readonly Numbered<'enrollment'>[], n: number): Numbered<'enrollment'> {
  const numbered = lines[n - 1]
  if (numbered === undefined) throw new RangeError('Each row has its line')
  return numbered
}

/** Says of lines whether another one is about the same enrollment: what it says may then differ from what is stored by now. */
function repetitionsAmong(lines: readonly Numbered<'enrollment'>[]): (numbered: Numbered<'enrollment'>) => boolean {
  const nameOf = ({ line }: Numbered<'enrollment'>) => `${line.courseId.stored} ${line.username}`
  const names = lines.map(nameOf)
  if (new Set(names).size === names.length) return () => false
  const byName = Map.groupBy(names, (name) => name)
  return (numbered) => (byName.get(nameOf(numbered))?.length ?? 0) > 1
}

/** What a line may refer to: not what a later one adds. */
function visibleTo({ number, line }: Numbered<'enrollment'>, { accounts, courses }: Added) {
  return {
    canSeeLearner: isThere(accounts, line.username, number),
    canSeeCourse: isThere(courses, line.courseId.stored, number),
  }
}

/** Gives an enrollment its id of the LMS. @returns what is wrong with it; null: nothing. */
function takeId(
  id: number | undefined,
  { enrollmentId, learnerId, courseId, lmsId }: StoredPair,
  lmsIds: LmsIds,
  turn: Turn,
): string | null {
  if (id === undefined) return null
  const owner = enrollmentId ?? `${learnerId}:${courseId}`
  const holder = lmsIds.holderOf(id)
  const isTaken = holder !== undefined && holder !== owner
  const isMoving = lmsId !== null && lmsId !== id
  // Those before may take the id away, or give away what this one would set free.
  if ((isTaken || isMoving) && turn.isEarly()) throw new OutOfTurn()
  if (isTaken) return `id: ${id} is that of another enrollment`
  lmsIds.give(owner, id)
  return null
}

/** The name in `Added.others` of an enrollment that a line adds. */
export function addedEnrollment(learnerId: number | null, courseId: number | null): string {
  return `enrollment ${learnerId}:${courseId}`
}

function storedPair(row: PairRow, learnerId: number, courseId: number): StoredPair {
  const { enrollment_id: enrollmentId, version, mode, is_active: isActive, created, updated } = row
  const enrollment = enrollmentId === null ? null : { version, mode, isActive, created, updated }
  return { learnerId, courseId, enrollmentId, enrollment, attributes: attributesOf(row), lmsId: row.lms_id }
}

function attributesOf({ attributes }: PairRow): Attribute[] {
  return (attributes ?? []).map(([namespace, name, value]) => ({ namespace, name, value }))
}

function isChanging({ plan, lmsId }: PlannedPair): boolean {
  return plan.steps.length > 0 || plan.attributes !== null || anotherCreated(plan) !== null || lmsId !== null
}

/** A new enrollment has the id of the LMS as its own, where that is free. */
function withOwnId(pair: PlannedPair, { isFree }: LmsIds): PlannedPair {
  const { plan, lmsId } = pair
  if (plan.enrollmentId !== null || lmsId === null || !isFree(lmsId)) return pair
  return { ...pair, plan: { ...plan, enrollmentId: String(lmsId) } }
}

interface WriteContext {
  readonly metadataOf: (index: number) => CallMetadata
  readonly lmsIds: LmsIds
  readonly turn: Turn
}

/** @returns the pairs whose enrollment another transaction changed since it was read: nothing of them was written. */
async function writePairs(
  trx: Transaction<DB>,
  pairs: readonly PlannedPair[],
  { metadataOf, lmsIds, turn }: WriteContext,
): Promise<PlannedPair[]> {
  const highest = pairs.reduce((most, { lmsId }) => Math.max(most, lmsId ?? 0), 0)
  // One after another: a sequence that two raise may end below the higher id.
  await turn.comes()
  if (highest > 0) await drawAbove(trx, highest)
  turn.pass()
  if (pairs.length === 0) return []
  const plans = pairs.map(({ plan }) => plan)
  const { lost, enrollmentIds } = await writeChanges(trx, plans, metadataOf, { whoeverOwns: true })
  const written = pairs.flatMap(({ plan, ...pair }) => {
    const id = enrollmentIds.get(plan)
    return id === undefined || lost.has(plan) ? [] : [{ ...pair, id, plan }]
  })
  await writeAttributes(trx, written)
  await writeCreated(trx, written)
  await markImported(trx, written)
  await releaseLmsIds(trx, lmsIds.passedOn())
  await writeLmsIds(
    trx,
    written.flatMap(({ id, lmsId, plan }) => (lmsId === null ? [] : [{ id, lmsId, isNew: plan.read === null }])),
  )
  return pairs.filter(({ plan }) => lost.has(plan))
}

/** A plan that was written, with the id of its enrollment. */
interface WrittenPlan {
  readonly id: string
  readonly plan: PairPlan
  readonly isPast: boolean
}

async function writeAttributes(trx: Transaction<DB>, written: readonly WrittenPlan[]): Promise<void> {
  const rows = written.flatMap(({ id: enrollmentId, plan: { attributes } }) =>
    attributes === null ? [] : [{ enrollmentId, attributes }],
  )
  if (rows.length > 0) await replaceAttributes(trx, rows)
}

async function writeCreated(trx: Transaction<DB>, written: readonly WrittenPlan[]): Promise<void> {
  const rows = written.flatMap(({ id, plan }) => {
    const created = anotherCreated(plan)
    return created === null ? [] : [{ id, created }]
  })
  if (rows.length === 0) return
  await sql`update enrollments e set created = line.created
    from unnest(${rows.map(({ id }) => id)}::bigint[], ${rows.map(({ created }) => created)}::timestamptz[])
      as line (id, created)
    where e.id = line.id`.execute(trx)
}

/** What happened before it came here is relayed to nobody (adoption.md §1). */
async function markImported(trx: Transaction<DB>, written: readonly WrittenPlan[]): Promise<void> {
  const ids = written.flatMap(({ id, isPast }) => (isPast ? [id] : []))
  if (ids.length === 0) return
  await sql`update enrollment_events set is_imported = true where enrollment_id = any (${ids}::bigint[])`.execute(trx)
}
