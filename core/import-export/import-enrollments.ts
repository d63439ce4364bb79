import { sql, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { replaceAttributes } from '../enrollment/companions.ts'
import { writeChanges } from '../enrollment/write.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import type { Attribute } from '../enrollment/attributes.ts'
import type { PairPlan } from '../enrollment/plan.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { LineOf } from './lines.ts'
import {
  failureOf,
  type Added,
  type GroupContext,
  type GroupOutcome,
  type LineFailure,
  type Numbered,
} from './outcome.ts'
import { anotherCreated, planPairs, type ImportPair, type StoredPair, type Wish } from './plan-enrollments.ts'
import { isThere, noAccount, noCourse } from './references.ts'

/** How often pairs that another transaction wrote in between are read again. */
const MAX_ATTEMPTS = 8

type NumberedWish = Wish & Numbered<'enrollment'>

/**
 * Imports enrollments: past every rule, but with the events and versions that any other change leaves. An enrollment
 * that exists gets mode and activation of the line, its attributes where the line has some, and its `created` where the
 * line names another; only mode and activation count as a change of the enrollment (`version`, `updated`).
 */
export async function importEnrollments(
  trx: Transaction<DB>,
  lines: readonly Numbered<'enrollment'>[],
  { metadata, added }: GroupContext,
): Promise<GroupOutcome> {
  const failures: LineFailure[] = []
  let written = 0
  let open = lines
  for (let attempt = 0; open.length > 0; attempt += 1) {
    if (attempt === MAX_ATTEMPTS) throw new EnrollmentError(failure('unavailable', {}))
    const read = await readWishes(trx, open, added)
    failures.push(...read.failures)
    const pairs = planPairs(read.wishes, instantFromDate(metadata.now))
    const work = pairs.filter(({ plan }) => hasWork(plan))
    const lost = await writePairs(trx, work, metadata)
    written += work.length - lost.length
    open = lost.flatMap(({ plan }) => plan.indexes.flatMap((index) => read.wishes[index] ?? []))
  }
  return { failures, written }
}

async function readWishes(
  trx: Transaction<DB>,
  lines: readonly Numbered<'enrollment'>[],
  added: Added,
): Promise<{ wishes: NumberedWish[]; failures: LineFailure[] }> {
  const rows = await readPairs(
    trx,
    lines.map(({ line }) => line),
  )
  const wishes: NumberedWish[] = []
  const failures: LineFailure[] = []
  for (const [index, numbered] of lines.entries()) {
    const row = rows[index]
    if (row === undefined) throw new RangeError('Each line has one row')
    const { username, courseId: key } = numbered.line
    const learnerId = isThere(added.accounts, username, numbered.number) ? row.learner_id : null
    const courseId = isThere(added.courses, key.stored, numbered.number) ? row.course_id : null
    if (learnerId === null) failures.push(failureOf(numbered, `username: ${noAccount(username)}`))
    else if (courseId === null) failures.push(failureOf(numbered, `courseId: ${noCourse(key)}`))
    else wishes.push({ ...numbered, pair: pairOf(row, learnerId, courseId) })
  }
  return { wishes, failures }
}

interface Row {
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

async function readPairs(trx: Transaction<DB>, lines: readonly LineOf<'enrollment'>[]): Promise<Row[]> {
  const { rows } = await sql<Row>`
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

function pairOf(row: Row, learnerId: number, courseId: number): StoredPair {
  const { enrollment_id: enrollmentId, version, mode, is_active: isActive, created, updated } = row
  const enrollment = enrollmentId === null ? null : { version, mode, isActive, created, updated }
  return { learnerId, courseId, enrollmentId, enrollment, attributes: row.attributes ?? [] }
}

function hasWork(plan: ImportPair['plan']): boolean {
  return plan.steps.length > 0 || plan.attributes !== null || anotherCreated(plan) !== null
}

/** @returns the pairs that another transaction changed since they were read: nothing of them was written. */
async function writePairs(
  trx: Transaction<DB>,
  pairs: readonly ImportPair[],
  metadata: CallMetadata,
): Promise<ImportPair[]> {
  if (pairs.length === 0) return []
  const { lost, enrollmentIds } = await writeChanges(
    trx,
    pairs.map(({ plan }) => plan),
    () => metadata,
  )
  const done = pairs.flatMap(({ plan }) => {
    const id = enrollmentIds.get(plan)
    return id === undefined || lost.has(plan) ? [] : [{ id, plan }]
  })
  await writeAttributes(trx, done)
  await writeCreated(trx, done)
  return pairs.filter(({ plan }) => lost.has(plan))
}

/** A plan that was carried out, with the id of its enrollment. */
interface Done {
  readonly id: string
  readonly plan: PairPlan
}

async function writeAttributes(trx: Transaction<DB>, done: readonly Done[]): Promise<void> {
  const rows = done.flatMap(({ id: enrollmentId, plan: { attributes } }) =>
    attributes === null ? [] : [{ enrollmentId, attributes }],
  )
  if (rows.length > 0) await replaceAttributes(trx, rows)
}

async function writeCreated(trx: Transaction<DB>, done: readonly Done[]): Promise<void> {
  const rows = done.flatMap(({ id, plan }) => {
    const created = anotherCreated(plan)
    return created === null ? [] : [{ id, created }]
  })
  if (rows.length === 0) return
  await sql`update enrollments e set created = line.created
    from unnest(${rows.map(({ id }) => id)}::bigint[], ${rows.map(({ created }) => created)}::timestamptz[])
      as line (id, created)
    where e.id = line.id`.execute(trx)
}
