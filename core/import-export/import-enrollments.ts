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
import { anotherCreated, planImport, type EnrollmentLine, type StoredPair } from './plan-enrollments.ts'
import { isThere, noAccount, noCourse } from './references.ts'

/**
 * Imports enrollments: past every rule, but with the events and versions that any other change leaves. An enrollment
 * that exists gets mode and activation of the line, its attributes where the line has some, and its `created` where the
 * line names another; only mode and activation count as a change of the enrollment (`version`, `updated`).
 *
 * @throws {EnrollmentError} `unavailable` where other transactions changed the enrollments each time.
 */
export async function importEnrollments(
  trx: Transaction<DB>,
  lines: readonly Numbered<'enrollment'>[],
  { metadata, added }: GroupContext,
): Promise<GroupOutcome> {
  const failures: LineFailure[] = []
  let written = 0
  let open = lines
  return retryOnSerializationFailure(trx, async () => {
    const read = await readStored(trx, open, added)
    failures.push(...read.failures)
    const changing = planImport(read.found, instantFromDate(metadata.now)).filter(isChanging)
    const lost = await writePlans(trx, changing, metadata)
    written += changing.length - lost.length
    open = lost.flatMap(({ indexes }) => indexes.flatMap((index) => read.found[index] ?? []))
    return open.length > 0 ? LOST_RACE : { failures, written }
  })
}

/** Reads what is stored for lines, and finds out which of them name an account or a course run that is not there. */
async function readStored(
  trx: Transaction<DB>,
  lines: readonly Numbered<'enrollment'>[],
  added: Added,
): Promise<{ found: (EnrollmentLine & Numbered<'enrollment'>)[]; failures: LineFailure[] }> {
  const rows = await readPairs(
    trx,
    lines.map(({ line }) => line),
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
    else found.push({ ...numbered, stored: storedPair(row, learnerId, courseId) })
  }
  return { found, failures }
}

interface PairRow {
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
}

async function readPairs(trx: Transaction<DB>, lines: readonly LineOf<'enrollment'>[]): Promise<PairRow[]> {
  const { rows } = await sql<PairRow>`
    select l.id as learner_id, c.id as course_id,
      e.id as enrollment_id, e.version, e.mode, e.is_active, e.created, e.updated,
      (select json_agg(json_build_object('namespace', a.namespace, 'name', a.name, 'value', a.value) order by a.position)
        from enrollment_attributes a where a.enrollment_id = e.id) as attributes
    from unnest(${lines.map((line) => line.username)}::text[], ${lines.map((line) => line.courseId.stored)}::text[])
      with ordinality as line (username, course_key, n)
    left join learners l on l.username = line.username
    left join courses c on c.course_key = line.course_key
    left join enrollments e on e.learner_id = l.id and e.course_id = c.id
    order by line.n`.execute(trx)
  return rows
}

function storedPair(row: PairRow, learnerId: number, courseId: number): StoredPair {
  const { enrollment_id: enrollmentId, version, mode, is_active: isActive, created, updated } = row
  const enrollment = enrollmentId === null ? null : { version, mode, isActive, created, updated }
  return { learnerId, courseId, enrollmentId, enrollment, attributes: row.attributes ?? [] }
}

function isChanging(plan: PairPlan): boolean {
  return plan.steps.length > 0 || plan.attributes !== null || anotherCreated(plan) !== null
}

/** @returns the plans whose enrollment another transaction changed since it was read: nothing of them was written. */
async function writePlans(
  trx: Transaction<DB>,
  plans: readonly PairPlan[],
  metadata: CallMetadata,
): Promise<PairPlan[]> {
  if (plans.length === 0) return []
  const { lost, enrollmentIds } = await writeChanges(trx, plans, () => metadata, { whoeverOwns: true })
  const written = plans.flatMap((plan) => {
    const id = enrollmentIds.get(plan)
    return id === undefined || lost.has(plan) ? [] : [{ id, plan }]
  })
  await writeAttributes(trx, written)
  await writeCreated(trx, written)
  return plans.filter((plan) => lost.has(plan))
}

/** A plan that was written, with the id of its enrollment. */
interface WrittenPlan {
  readonly id: string
  readonly plan: PairPlan
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
