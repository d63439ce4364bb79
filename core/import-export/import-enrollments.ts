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
import type { LineOf } from './lines.ts'
import { drawAbove, readLmsIds, releaseLmsIds, writeLmsIds, type LmsIds } from './lms-ids.ts'
import {
  anotherCreated,
  planImport,
  type EnrollmentLine,
  type PlannedPair,
  type StoredPair,
} from './plan-enrollments.ts'
import { isThere, noAccount, noCourse } from './references.ts'

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
  { metadata, added }: GroupContext,
): Promise<GroupOutcome> {
  const failures: LineFailure[] = []
  let [created, changed] = [0, 0]
  let open = lines
  return retryOnSerializationFailure(trx, async () => {
    const read = await readStored(trx, open, added)
    failures.push(...read.failures)
    const { pairs, metadataOf } = planImport(read.found, instantFromDate(metadata.now), metadata)
    const changing = pairs.filter(isChanging).map((pair) => withOwnId(pair, read.lmsIds))
    const lost = await writePairs(trx, changing, { metadataOf, lmsIds: read.lmsIds })
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
  added: Added,
): Promise<{ found: (EnrollmentLine & Numbered<'enrollment'>)[]; failures: LineFailure[]; lmsIds: LmsIds }> {
  const rows = await readPairs(
    trx,
    lines.map(({ line }) => line),
  )
  const lmsIds = await readLmsIds(
    trx,
    lines.flatMap(({ line }) => line.id ?? []),
    rows.flatMap((row) => row.enrollment_id ?? []),
  )
  const found: (EnrollmentLine & Numbered<'enrollment'>)[] = []
  const failures: LineFailure[] = []
  for (const [index, numbered] of lines.entries()) {
    const row = rows[index]
    if (row === undefined) throw new RangeError('Each line has one row')
    const { username, courseId: key } = numbered.line
    const learnerId = isThere(added.accounts, username, numbered.number) ? row.learner_id : null
    const courseId = isThere(added.courses, key.stored, numbered.number) ? row.course_id : null
    if (learnerId === null) failures.push(failureOf(numbered, `username: ${noAccount(username)}`))
    else if (courseId === null) failures.push(failureOf(numbered, `courseId: ${noCourse(key)}`))
    else {
      const stored = storedPair(row, learnerId, courseId)
      const taken = takeId(numbered.line.id, stored, lmsIds)
      const name = addedEnrollment(learnerId, courseId)
      const isNew = taken === null && stored.enrollment === null && !added.others.has(name)
      if (isNew) added.others.set(name, numbered.number)
      if (taken === null) found.push({ ...numbered, stored })
      else failures.push(failureOf(numbered, taken))
    }
  }
  return { found, failures, lmsIds }
}

/** Gives an enrollment its id of the LMS. @returns what is wrong with it; null: nothing. */
function takeId(
  id: number | undefined,
  { enrollmentId, learnerId, courseId }: StoredPair,
  lmsIds: LmsIds,
): string | null {
  if (id === undefined) return null
  const owner = enrollmentId ?? `${learnerId}:${courseId}`
  const holder = lmsIds.holderOf(String(id))
  if (holder !== undefined && holder !== owner) return `id: ${id} is that of another enrollment`
  lmsIds.give(owner, String(id))
  return null
}

/** The name in `Added.others` of an enrollment that a line adds. */
export function addedEnrollment(learnerId: number | null, courseId: number | null): string {
  return `enrollment ${learnerId}:${courseId}`
}

/** A pair of learner and course run with what is stored for it. */
export interface PairRow {
  learner_id: number | null
  course_id: number | null
  /** Null together with all that follows where there is no enrollment. */
  enrollment_id: string | null
  version: number
  mode: string
  is_active: boolean
  created: string
  updated: string
  attributes: Attribute[] | null
  lms_id: number | null
}

/** Reads accounts, course runs and enrollments by their names: one row for each pair. */
export async function readPairs(
  trx: Transaction<DB>,
  lines: readonly Pick<LineOf<'enrollment'>, 'username' | 'courseId'>[],
): Promise<PairRow[]> {
  const { rows } = await sql<PairRow>`
    select l.id as learner_id, c.id as course_id,
      e.id as enrollment_id, e.version, e.mode, e.is_active, e.created, e.updated, i.lms_id,
      (select json_agg(json_build_object('namespace', a.namespace, 'name', a.name, 'value', a.value) order by a.position)
        from enrollment_attributes a where a.enrollment_id = e.id) as attributes
    from unnest(${lines.map((line) => line.username)}::text[], ${lines.map((line) => line.courseId.stored)}::text[])
      with ordinality as line (username, course_key, n)
    left join learners l on l.username = line.username
    left join courses c on c.course_key = line.course_key
    left join enrollments e on e.learner_id = l.id and e.course_id = c.id
    left join enrollment_lms_ids i on i.enrollment_id = e.id
    order by line.n`.execute(trx)
  return rows
}

function storedPair(row: PairRow, learnerId: number, courseId: number): StoredPair {
  const { enrollment_id: enrollmentId, version, mode, is_active: isActive, created, updated } = row
  const enrollment = enrollmentId === null ? null : { version, mode, isActive, created, updated }
  return { learnerId, courseId, enrollmentId, enrollment, attributes: row.attributes ?? [], lmsId: row.lms_id }
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

/** @returns the pairs whose enrollment another transaction changed since it was read: nothing of them was written. */
async function writePairs(
  trx: Transaction<DB>,
  pairs: readonly PlannedPair[],
  { metadataOf, lmsIds }: { readonly metadataOf: (index: number) => CallMetadata; readonly lmsIds: LmsIds },
): Promise<PlannedPair[]> {
  if (pairs.length === 0) return []
  const highest = pairs.reduce((most, { lmsId }) => Math.max(most, lmsId ?? 0), 0)
  if (highest > 0) await drawAbove(trx, highest)
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
    written.flatMap(({ id, lmsId }) => (lmsId === null ? [] : [{ id, lmsId }])),
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
