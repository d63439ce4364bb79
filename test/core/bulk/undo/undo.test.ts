import { afterAll, expect, test } from 'vitest'
import { undoKind } from '../../../../core/bulk/undo/kind.ts'
import { createCaller } from '../../../../routers/index.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { addCourse, addLearner, addLearners, addRole } from '../../../support/seed.ts'
import { enrollmentInWords } from '../../../support/world.ts'
import { learnersOf, named } from '../learners.ts'
import { countsOfRun, runKind, type RunOptions } from '../run-kind.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
const { enrollment } = caller
const { four, enrollAll, wordsOf } = learnersOf(db, caller)

const undo = (batchId: string, options?: RunOptions) =>
  runKind(db, undoKind, { undone_batch_id: batchId, reason: `undo of ${batchId}` }, options)

test('each enrollment is what it was before the batch, with one event that says why', async () => {
  const [fresh, gone, audit, untouched] = await four()
  const courseId = await addCourse(db)
  await enrollAll(courseId, [gone, audit, untouched])
  await enrollment.change({ username: gone.username, courseId, isActive: false })
  const { batchId } = await enrollment.enrollMany({
    items: [
      { username: fresh.username, courseId },
      { username: gone.username, courseId, mode: 'verified', whenEnrolled: 'update' },
      { username: audit.username, courseId, mode: 'verified', whenEnrolled: 'update' },
      { username: untouched.username, courseId },
    ],
  })
  const run = await undo(batchId)
  expect(countsOfRun(run)).toEqual({ deactivated: 2, modeChanged: 1 })
  expect(await wordsOf(courseId, [fresh, gone, audit, untouched])).toEqual([
    'inactive audit',
    'inactive audit',
    'active audit',
    'active audit',
  ])
  expect((await enrollment.history({ username: audit.username, courseId })).at(-1)).toMatchObject({
    kind: 'modeChanged',
    via: 'bulk',
    batchId: run.jobId,
    reason: `undo of ${batchId}`,
    before: { mode: 'verified', isActive: true },
    after: { mode: 'audit', isActive: true },
  })
})

test('what several events of a batch did to an enrollment is undone at once, to what was before the first', async () => {
  const { username, id } = await addLearner(db)
  const courseId = await addCourse(db, { modes: ['audit', 'verified', 'honor'] })
  await enrollment.enroll({ username, courseId, mode: 'honor' })
  const item = { username, courseId, whenEnrolled: 'update' } as const
  const items = [
    { ...item, isActive: false },
    { ...item, mode: 'verified' },
    { ...item, mode: 'audit' },
  ]
  const { batchId } = await enrollment.enrollMany({ items })
  expect(countsOfRun(await undo(batchId))).toEqual({ modeChanged: 1 })
  expect(await enrollmentInWords(db, id, courseId)).toBe('active honor')
})

test('an enrollment that somebody changed since is left alone, and told with the later event', async () => {
  const [one, other] = await four()
  const courseId = await addCourse(db)
  const { batchId } = await enrollment.enrollMany({ items: named(courseId, [one, other]) })
  const { eventId } = await enrollment.change({ username: other.username, courseId, mode: 'verified' })
  const run = await undo(batchId)
  expect(countsOfRun(run)).toEqual({ deactivated: 1, changedSince: 1 })
  expect(run.outcomes[1]).toMatchObject({ error: { code: 'changedSince', details: { version: 2, eventId } } })
  expect(await wordsOf(courseId, [one, other])).toEqual(['inactive audit', 'active verified'])
})

test('so is one that somebody changed between two events of the batch', async () => {
  const { username, id } = await addLearner(db)
  const courseId = await addCourse(db, { modes: ['audit', 'verified', 'honor'] })
  const batchId = '11111111-2222-4333-8444-555555555555'
  const change = (mode: string) => enrollment.change({ username, courseId, mode })
  await enrollment.enroll({ username, courseId })
  const { eventId: first } = await change('verified')
  const { eventId: between } = await change('honor')
  const { eventId: last } = await change('audit')
  await db
    .updateTable('enrollment_events')
    .set({ batch_id: batchId })
    .where('id', 'in', [String(first), String(last)])
    .execute()
  const run = await undo(batchId)
  expect(run.outcomes).toMatchObject([{ error: { code: 'changedSince', details: { version: 4, eventId: between } } }])
  expect(await enrollmentInWords(db, id, courseId)).toBe('active audit')
})

test('the undo of an undo is a redo; a second undo of the same finds everything changed since', async () => {
  const learners = await four()
  const courseId = await addCourse(db)
  await enrollAll(courseId, learners.slice(0, 2))
  const items = named(courseId, learners).map((item) => ({
    ...item,
    mode: 'verified',
    whenEnrolled: 'update' as const,
  }))
  const { batchId } = await enrollment.enrollMany({ items })
  const first = await undo(batchId)
  expect(countsOfRun(first)).toEqual({ modeChanged: 2, deactivated: 2 })
  const second = await undo(batchId)
  expect(countsOfRun(second)).toEqual({ changedSince: 4 })
  const redo = await undo(first.jobId)
  expect(countsOfRun(redo)).toEqual({ modeChanged: 2, reactivated: 2 })
  expect(await wordsOf(courseId, learners)).toEqual(learners.map(() => 'active verified'))
  expect(countsOfRun(await undo(batchId))).toEqual({ changedSince: 4 })
})

test('neither a mode that has expired nor a window that has closed keeps anything from being given back', async () => {
  const { username, id } = await addLearner(db)
  const courseId = await addCourse(db)
  await enrollment.enroll({ username, courseId, mode: 'verified' })
  const { batchId } = await enrollment.enrollMany({
    items: [{ username, courseId, isActive: false, whenEnrolled: 'update' }],
  })
  await db.updateTable('course_modes').set({ expires: '2020-01-01T00:00:00Z' }).where('slug', '=', 'verified').execute()
  await db
    .updateTable('courses')
    .set({ enrollment_end: '2020-01-01T00:00:00Z', invitation_only: true })
    .where('course_key', '=', courseId)
    .execute()
  expect(countsOfRun(await undo(batchId))).toEqual({ reactivated: 1 })
  expect(await enrollmentInWords(db, id, courseId)).toBe('active verified')
})

test('a seat that others have taken since is not sold twice', async () => {
  const [first, second, teacher, newcomer] = await four()
  const courseId = await addCourse(db, { max_enrollments: 2 })
  await addRole(db, teacher, 'staff', courseId)
  await enrollAll(courseId, [teacher, first, second])
  const items = named(courseId, [first, second, teacher]).map((item) => ({
    ...item,
    isActive: false,
    whenEnrolled: 'update' as const,
  }))
  const { batchId } = await enrollment.enrollMany({ items })
  await enrollAll(courseId, [newcomer])
  const run = await undo(batchId)
  expect(countsOfRun(run)).toEqual({ reactivated: 2, courseFull: 1 })
  expect(run.outcomes[1]).toMatchObject({ error: { code: 'courseFull', details: { limit: 2 } } })
})

test('seats that the batch gave to others are free before those that it took are given back', async () => {
  const [leaving, ...coming] = await four()
  const courseId = await addCourse(db, { max_enrollments: 1 })
  await enrollAll(courseId, [leaving])
  const { batchId } = await enrollment.enrollMany({
    items: [
      { username: leaving.username, courseId, isActive: false, whenEnrolled: 'update' },
      { username: coming[0]?.username ?? '', courseId },
    ],
  })
  expect(countsOfRun(await undo(batchId, { chunkSize: 1 }))).toEqual({ deactivated: 1, reactivated: 1 })
  expect(await enrollmentInWords(db, leaving.id, courseId)).toBe('active audit')
})

test('nothing is written in a course run that the LMS owns by now', async () => {
  const [one, other] = await four()
  const [left, here] = [await addCourse(db), await addCourse(db)]
  const items = [...named(left, [one]), ...named(here, [other])]
  const { batchId } = await enrollment.enrollMany({ items })
  await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', left).execute()
  expect(countsOfRun(await undo(batchId))).toEqual({ ownedByLms: 1, deactivated: 1 })
})

test('a learner with another name by now is still the same', async () => {
  const { username, id } = await addLearner(db)
  const courseId = await addCourse(db)
  const { batchId } = await enrollment.enrollMany({ items: [{ username, courseId }] })
  const rename = () =>
    db
      .updateTable('learners')
      .set({ username: `${username}-renamed` })
      .where('id', '=', id)
      .execute()
  expect(countsOfRun(await undo(batchId, { meanwhile: rename }))).toEqual({ deactivated: 1 })
})

test('a batch of many transactions, and a transaction of many pages, are read once', async () => {
  const learners = await addLearners(db, 2100)
  const courseId = await addCourse(db)
  const batchId = await db.transaction().execute(async (trx) => {
    const caller = createCaller({ db: trx, actor: { kind: 'service', name: 'tests' } })
    return (await caller.enrollment.enrollMany({ items: named(courseId, learners) })).batchId
  })
  const run = await undo(batchId, { chunkSize: 500 })
  expect(countsOfRun(run)).toEqual({ deactivated: 2100 })
  expect(new Set(run.lines.map(({ line }) => line)).size).toBe(2100)
  expect(countsOfRun(await undo(run.jobId, { chunkSize: 500 }))).toEqual({ reactivated: 2100 })
})
