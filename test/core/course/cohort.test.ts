import { afterAll, beforeAll, expect, test } from 'vitest'
import { assignToCohort } from '../../../core/course/cohort.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { addCohort, cohortOf } from '../../support/world.ts'

let database: TestDatabase
beforeAll(async () => void (database = await createTestDatabase()))
afterAll(() => database[Symbol.asyncDispose]())

test('a learner is in at most one cohort of a course run', async () => {
  const { db } = database
  const { id, userId } = await addLearner(db)
  const [courseId, other] = [await addCourse(db), await addCourse(db)]
  for (const cohort of ['red', 'blue']) await addCohort(db, courseId, cohort)
  await addCohort(db, other, 'red')

  await assignToCohort(db, { userId: String(userId), courseId, cohort: 'red' })
  await assignToCohort(db, { userId: String(userId), courseId, cohort: 'red' })
  expect(await cohortOf(db, id, courseId)).toBe('red')
  await assignToCohort(db, { userId: String(userId), courseId, cohort: 'blue' })
  await assignToCohort(db, { userId: String(userId), courseId: other, cohort: 'red' })
  expect([await cohortOf(db, id, courseId), await cohortOf(db, id, other)]).toEqual(['blue', 'red'])
})

test.for(['Red', 'green', ''])('there is no cohort %o', async (cohort) => {
  const { db } = database
  const { id, userId } = await addLearner(db)
  const courseId = await addCourse(db)
  await addCohort(db, courseId, 'red')
  const assigned = assignToCohort(db, { userId: String(userId), courseId, cohort })
  await expect(assigned).rejects.toMatchObject({ code: 'cohortNotFound', details: { cohort } })
  expect(await cohortOf(db, id, courseId)).toBeNull()
})
