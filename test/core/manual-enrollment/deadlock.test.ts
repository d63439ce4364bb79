import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { courseKeyOf } from '../../../core/course/key.ts'
import { enrollManually } from '../../../core/manual-enrollment/enroll.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addAllowance, addCourse, addLearner } from '../../support/seed.ts'
import { addEnrollment, enrollmentInWords } from '../../support/world.ts'
import { untilWaiting } from '../../support/waiting.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

test('a request that the database ends to break a tie begins again', async () => {
  const [staff, bob] = [await addLearner(db, { is_staff: true }), await addLearner(db)]
  const courseId = await addCourse(db)
  await addEnrollment(db, bob.id, courseId)
  await addAllowance(db, bob.email, courseId)
  const request = {
    action: 'unenroll',
    identifiers: [bob.username],
    courses: [{ key: courseKeyOf(courseId), cohort: null }],
    autoEnroll: false,
    reason: null,
  } as const
  const metadata = { actor: { kind: 'user', name: staff.username }, via: 'rest', now: new Date() } as const
  const working = await db.transaction().execute(async (trx) => {
    await sql`select from enrollment_allowances where course_key = ${courseId} for update`.execute(trx)
    // Takes the enrollment and waits for the allowance; a second later it finds that both wait for each other.
    const started = { done: enrollManually(db, request, { actorId: staff.id, metadata, policy: defaultPolicy }) }
    await untilWaiting(db)
    // It is the other that finds out, whichever has waited for longer.
    await sql`set local deadlock_timeout = '10min'`.execute(trx)
    await sql`select from enrollments where learner_id = ${bob.id} for update`.execute(trx)
    return started
  })
  expect((await working.done).flat()).toMatchObject([{ kind: 'done', before: { isEnrolled: true, isAllowed: true } }])
  expect(await enrollmentInWords(db, bob.id, courseId)).toBe('inactive audit')
  const { rows } = await sql`select transition from manual_enrollments`.execute(db)
  expect(rows).toEqual([{ transition: 'from enrolled to unenrolled' }])
})
