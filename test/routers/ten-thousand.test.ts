// slow: many calls against each other
import { afterAll, expect, test } from 'vitest'
import { createCaller, enrollStream } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())
const { enrollment, ...rest } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })

test('ten thousand learners in chunks of a thousand: each is enrolled, each has its one event', async () => {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, 10_000)
  for (let start = 0; start < learners.length; start += 1_000) {
    const items = learners.slice(start, start + 1_000).map(({ username }) => ({ username, courseId }))
    expect((await enrollment.enrollMany({ items })).counts).toEqual({ created: 1_000 })
  }
  await expectComplete(courseId, 10_000)
})

test('the stream takes them as they come, in order, with a bad row among them', async () => {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, 2_500)
  const items = [...learners.map(({ username }) => ({ username, courseId }))]
  items.splice(1_200, 0, { username: 'nobody-at-all', courseId })
  const results = await Array.fromAsync(enrollStream({ enrollment, ...rest }, items))
  expect(results.map(({ index }) => index)).toEqual(items.map((_, index) => index))
  expect(results.filter((result) => !result.ok)).toMatchObject([{ index: 1_200, error: { code: 'learnerNotFound' } }])
  await expectComplete(courseId, 2_500)
})

test('what a source gave before it broke is enrolled and told', async () => {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, 3)
  const source = function* () {
    for (const { username } of learners) yield { username, courseId }
    throw new Error('the source broke')
  }
  const told: boolean[] = []
  const reading = async () => {
    for await (const result of enrollStream({ enrollment, ...rest }, source(), { chunkSize: 2 })) told.push(result.ok)
  }
  await expect(reading()).rejects.toThrow('the source broke')
  expect(told).toEqual([true, true, true])
  await expectComplete(courseId, 3)
})

async function expectComplete(courseId: string, count: number): Promise<void> {
  const events = await db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['v.kind', 'v.version', 'e.version as row_version', 'e.learner_id'])
    .where('c.course_key', '=', courseId)
    .execute()
  expect(events).toHaveLength(count)
  expect(new Set(events.map((event) => event.learner_id)).size).toBe(count)
  expect(events.every((event) => event.kind === 'created' && event.version === 1 && event.row_version === 1)).toBe(true)
}
