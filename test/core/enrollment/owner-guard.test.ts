import { afterAll, describe, expect, test } from 'vitest'
import { LOST_RACE } from '../../../core/database/retry.ts'
import { readAndPlan, writePlanned } from '../../../core/enrollment/batch.ts'
import { plainCommand, type BatchItem, type EnrollmentCommand } from '../../../core/enrollment/command.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addAllowance, addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

describe('a course run that goes to the LMS between reading and writing', () => {
  test('gets no new enrollment', async () => {
    const courseId = await addCourse(db)
    expect(await writtenAfterChange(courseId, [await newcomer(courseId)])).toEqual([LOST_RACE])
    expect(await written(courseId)).toEqual({ rows: 0, active: 0, events: 0, claims: 0 })
  })

  test('keeps the enrollment that it has', async () => {
    const courseId = await addCourse(db)
    const { id, username } = await addLearner(db)
    await addEnrollment(db, id, courseId)
    const leaving = command(username, courseId, { path: 'change', isActive: false })
    expect(await writtenAfterChange(courseId, [leaving])).toEqual([LOST_RACE])
    expect(await written(courseId)).toEqual({ rows: 1, active: 1, events: 0, claims: 0 })
  })

  test('gets none of several, while another course run of the batch gets its own', async () => {
    const [courseId, other] = [await addCourse(db), await addCourse(db)]
    const learners = await addLearners(db, 3)
    const commands = learners.flatMap(({ username }) => [command(username, courseId), command(username, other)])
    const results = await writtenAfterChange(courseId, commands)
    expect(results.map((result) => result === LOST_RACE)).toEqual([true, false, true, false, true, false])
    expect(await written(courseId)).toEqual({ rows: 0, active: 0, events: 0, claims: 0 })
    expect(await written(other)).toEqual({ rows: 3, active: 3, events: 3, claims: 0 })
  })

  test('gets no attributes, and no allowance is claimed', async () => {
    const courseId = await addCourse(db, { invitation_only: true })
    const learner = await addLearner(db)
    await addAllowance(db, learner.email, courseId)
    const attributes = [{ namespace: 'order', name: 'number', value: '7' }]
    expect(await writtenAfterChange(courseId, [command(learner.username, courseId, { attributes })])).toEqual([
      LOST_RACE,
    ])
    expect(await written(courseId)).toEqual({ rows: 0, active: 0, events: 0, claims: 0 })
  })
})

async function newcomer(courseId: string): Promise<EnrollmentCommand> {
  return command((await addLearner(db)).username, courseId)
}

function command(username: string, courseId: string, rest: Partial<EnrollmentCommand> = {}): EnrollmentCommand {
  return { ...plainCommand, learner: { username }, courseId, path: 'enroll', ...rest }
}

async function writtenAfterChange(courseId: string, commands: readonly EnrollmentCommand[]) {
  const metadata = { actor: { kind: 'service', name: 'tests' }, via: 'caller', now: new Date() } as const
  const items: BatchItem[] = commands.map((one) => ({ command: one, metadata }))
  const planned = await readAndPlan(db, items, defaultPolicy)
  await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', courseId).execute()
  return writePlanned(db, items, defaultPolicy, planned)
}

async function written(courseId: string) {
  const enrollments = await db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .leftJoin('enrollment_events as v', 'v.enrollment_id', 'e.id')
    .select(['e.is_active', 'v.id'])
    .where('c.course_key', '=', courseId)
    .execute()
  const claims = await db
    .selectFrom('enrollment_allowances')
    .select('id')
    .where('course_key', '=', courseId)
    .where('claimed_by', 'is not', null)
    .execute()
  return {
    rows: enrollments.length,
    active: enrollments.filter((row) => row.is_active).length,
    events: enrollments.filter(({ id }) => id !== null).length,
    claims: claims.length,
  }
}
