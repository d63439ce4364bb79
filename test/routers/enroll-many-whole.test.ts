import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addAllowance, addCourse, addLearners } from '../support/seed.ts'
import { callerOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = callerOf(db)

describe('strict', () => {
  test('keeps everything where every item is good', async () => {
    const { items } = await batch(3)
    const answer = await enrollment.enrollMany({ items, failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'applied', counts: { created: 3 } })
    expect(await traces(items)).toEqual({ rows: 3, events: 3, attributes: 3, claimed: 1 })
  })

  test('keeps nothing where one item fails, and says which', async () => {
    const { items } = await batch(3)
    const failing = [...items.slice(0, 2), { ...items[2], courseId: 'no key', ref: 'bad' }, ...items.slice(2)]
    const answer = await enrollment.enrollMany({ items: failing as typeof items, failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'rolledBack', counts: { notAttempted: 3, invalidCourseKey: 1 } })
    expect(answer.results.map((result) => result.ok || [result.index, result.ref, result.error.code])).toEqual([
      [0, undefined, 'notAttempted'],
      [1, undefined, 'notAttempted'],
      [2, 'bad', 'invalidCourseKey'],
      [3, undefined, 'notAttempted'],
    ])
    expect(await traces(items)).toEqual(NOTHING)
  })

  test('bestEffort keeps the good ones of the same batch (so it is strict that keeps none)', async () => {
    const { items } = await batch(3)
    const failing = [...items, { username: 'nobody', courseId: items[0]?.courseId ?? '' }]
    const answer = await enrollment.enrollMany({ items: failing })
    expect(answer).toMatchObject({ status: 'applied', counts: { created: 3, learnerNotFound: 1 } })
    expect(await traces(items)).toEqual({ rows: 3, events: 3, attributes: 3, claimed: 1 })
  })

  test('keeps nothing where the seats end in the middle', async () => {
    const { items } = await batch(3, 2)
    const answer = await enrollment.enrollMany({ items, failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'rolledBack', counts: { notAttempted: 2, courseFull: 1 } })
    expect(await traces(items)).toEqual(NOTHING)
  })

  test('takes back what it did to enrollments that were there before', async () => {
    const { items } = await batch(3)
    await enrollment.enrollMany({ items })
    const updates = items.map((item) => ({ ...item, whenEnrolled: 'update' as const, isActive: false, attributes: [] }))
    const failing = [...updates, { username: 'nobody', courseId: items[0]?.courseId ?? '' }]
    await enrollment.enrollMany({ items: failing, failureMode: 'strict' })
    expect(await traces(items)).toEqual({ rows: 3, events: 3, attributes: 3, claimed: 1 })
    expect(await first(items)).toMatchObject({
      version: 1,
      isActive: true,
    })
  })
})

describe('a dry run', () => {
  test('tells what would be, and keeps nothing', async () => {
    const { items } = await batch(3, 2)
    const all = [...items, { username: 'nobody', courseId: items[0]?.courseId ?? '' }]
    const planned = await enrollment.enrollMany({ items: all, dryRun: true })
    expect(planned).toMatchObject({ status: 'planned', counts: { created: 2, courseFull: 1, learnerNotFound: 1 } })
    expect(await traces(items)).toEqual(NOTHING)
    const done = await enrollment.enrollMany({ items: all })
    expect(done).toMatchObject({ status: 'applied', counts: planned.counts })
    expect(done.results.map(essence)).toEqual(planned.results.map(essence))
  })

  test('with strict tells that nothing would be kept', async () => {
    const { items } = await batch(3, 2)
    const planned = await enrollment.enrollMany({ items, dryRun: true, failureMode: 'strict' })
    expect(planned).toMatchObject({ status: 'planned', counts: { notAttempted: 2, courseFull: 1 } })
    expect(await traces(items)).toEqual(NOTHING)
  })

  test('leaves no trace in existing enrollments', async () => {
    const { items } = await batch(3)
    await enrollment.enrollMany({ items })
    const updates = items.map((item) => ({
      ...item,
      whenEnrolled: 'update' as const,
      mode: 'verified',
      attributes: [],
    }))
    const planned = await enrollment.enrollMany({ items: updates, dryRun: true })
    expect(planned.counts).toEqual({ modeChanged: 3 })
    expect(await traces(items)).toEqual({ rows: 3, events: 3, attributes: 3, claimed: 1 })
    expect(await first(items)).toMatchObject({
      version: 1,
      mode: 'audit',
    })
  })
})

function first([item]: { username: string; courseId: string }[]) {
  return enrollment.get({ username: item?.username ?? '', courseId: item?.courseId ?? '' })
}

type BatchResult = Awaited<ReturnType<typeof enrollment.enrollMany>>['results'][number]

/** A result without what differs between a plan and the deed: ids and instants. */
function essence(result: BatchResult) {
  if (!result.ok) return result
  const { kind, before, enrollment: made } = result.outcome
  return { kind, before, username: made.username, mode: made.mode, isActive: made.isActive, version: made.version }
}

/** Items of one course run, each with an attribute; the first learner has an allowance. */
async function batch(count: number, maxEnrollments: number | null = null) {
  const courseId = await addCourse(db, { max_enrollments: maxEnrollments })
  const learners = await addLearners(db, count)
  await addAllowance(db, learners[0]?.email ?? '', courseId)
  const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
  return { items: learners.map(({ username }) => ({ username, courseId, attributes })) }
}

const NOTHING = { rows: 0, events: 0, attributes: 0, claimed: 0 }

/** How much is stored for the course run of a batch. */
async function traces([item]: { courseId: string }[]) {
  const key = item?.courseId ?? ''
  const rows = await db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select('e.id')
    .where('c.course_key', '=', key)
    .execute()
  const ids = ['0', ...rows.map(({ id }) => id)]
  const events = await db.selectFrom('enrollment_events').select('id').where('enrollment_id', 'in', ids).execute()
  const attributes = await db
    .selectFrom('enrollment_attributes')
    .select('value')
    .where('enrollment_id', 'in', ids)
    .execute()
  const claimed = await db
    .selectFrom('enrollment_allowances')
    .select('id')
    .where('course_key', '=', key)
    .where('claimed_by', 'is not', null)
    .execute()
  return { rows: rows.length, events: events.length, attributes: attributes.length, claimed: claimed.length }
}
