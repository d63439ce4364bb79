import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDoor, type Door } from '../../../../support/rest.ts'
import { addCourse, addLearner } from '../../../../support/seed.ts'
import { untilWaiting } from '../../../../support/waiting.ts'
import { addCohort, addEnrollment, cohortOf, enrollmentInWords } from '../../../../support/world.ts'

let door: Door
beforeAll(async () => void (door = await openDoor()))
afterAll(() => door[Symbol.asyncDispose]())

test.for([
  ['a cohort', { cohort: 'red' }],
  ['an opt-in', { email_opt_in: true }],
  ['both', { cohort: 'red', email_opt_in: true }],
] as const)('a POST with %s that PostgreSQL ends to resolve a deadlock begins again', async ([, extras]) => {
  const { db } = door
  const course = await addCourse(db)
  await addCohort(db, course, 'red')
  await addCohort(db, course, 'blue')
  const bob = await addLearner(db)
  await addEnrollment(db, bob.id, course, { is_active: false })
  const post = () => door.as(bob).post({ course_details: { course_id: course }, ...extras })
  // So that there are rows to hold.
  expect(
    (await door.as(bob).post({ course_details: { course_id: course }, cohort: 'blue', email_opt_in: false })).status,
  ).toBe(200)
  await db.updateTable('enrollments').set({ is_active: false }).where('learner_id', '=', bob.id).execute()

  const answer = await db.transaction().execute(async (other) => {
    // The other transaction has what the POST writes last …
    await other.selectFrom('cohort_members').select('learner_id').where('learner_id', '=', bob.id).forUpdate().execute()
    await other.selectFrom('email_optins').select('learner_id').where('learner_id', '=', bob.id).forUpdate().execute()
    const posted = post()
    await untilWaiting(db)
    // … and then wants what the POST has written first. PostgreSQL ends the one that has waited longer.
    await other.selectFrom('enrollments').select('id').where('learner_id', '=', bob.id).forUpdate().execute()
    return { posted }
  })

  expect(await answer.posted).toMatchObject({ status: 200, json: { is_active: true } })
  expect(await enrollmentInWords(db, bob.id, course)).toBe('active audit')
  if ('cohort' in extras) expect(await cohortOf(db, bob.id, course)).toBe('red')
  const deadlocks = await db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .select('v.kind')
    .where('e.learner_id', '=', bob.id)
    .execute()
  expect(deadlocks.filter(({ kind }) => kind !== 'created')).toHaveLength(2)
})
