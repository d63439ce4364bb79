import { afterAll, beforeAll, expect, test } from 'vitest'
import { coursesStaffedBy } from '../../../../core/access/roles/course-staff.ts'
import { createTestDatabase, type TestDatabase } from '../../../support/database.ts'
import { addCourse, addLearner, addRole } from '../../../support/seed.ts'

let database: TestDatabase
beforeAll(async () => void (database = await createTestDatabase()))
afterAll(() => database[Symbol.asyncDispose]())

test.for([
  ['staff', true],
  ['limited_staff', true],
  ['instructor', true],
  ['beta_testers', false],
  ['ccx_coach', false],
  ['SuperCoolTestRole', false],
] as const)('%s of a course run staffs it: %s', async ([role, staffs]) => {
  const { db } = database
  const learner = await addLearner(db)
  const [courseId] = [await addCourse(db), await addCourse(db)]
  await addRole(db, learner, role, courseId)
  expect([...(await coursesStaffedBy(db, learner.id))]).toEqual(staffs ? [courseId] : [])
})

test('roles in the whole organisation, or under another one, do not count', async () => {
  const { db } = database
  const learner = await addLearner(db)
  const courseId = await addCourse(db)
  await addRole(db, learner, 'staff', null)
  await addRole(db, learner, 'staff', courseId, 'Other')
  expect((await coursesStaffedBy(db, learner.id)).size).toBe(0)
})
