import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { courseKeyOf } from '../../../core/course/key.ts'
import { enrollManually } from '../../../core/manual-enrollment/enroll.ts'
import type { ManualEnrollment } from '../../../core/manual-enrollment/request.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { counting } from '../../support/counting.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addAllowance, addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { addCohort } from '../../support/world.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const staff = await addLearner(db, { is_staff: true })

test.each([
  ['enrolling', {}, 'enroll', false],
  ['enrolling into cohorts of capped course runs', { max_enrollments: 10 }, 'enroll', true],
  ['unenrolling', {}, 'unenroll', false],
] as const)('%s takes as many statements for 500 × 3 as for 4 × 1', async (_, columns, action, withCohorts) => {
  const counts = []
  for (const [people, runs] of [
    [4, 1],
    [500, 3],
  ] as const) {
    const request = await mixture(people, runs, { columns, action, withCohorts })
    const { db: counted, statements } = counting(db)
    const results = await enrollManually(counted, request, by())
    expect(results.flat()).toHaveLength(people * runs)
    expect(results.flat().filter(({ kind }) => kind !== 'done')).toEqual([])
    counts.push(statements())
  }
  expect(counts[1]).toBe(counts[0])
  expect(counts[1]).toBeLessThanOrEqual(20)
})

test('500 × 3 are all written: enrollments, events, allowances, audit', async () => {
  const request = await mixture(500, 3, { columns: {}, action: 'enroll', withCohorts: false })
  const keys = request.courses.map(({ key }) => key.stored)
  await enrollManually(db, request, by())
  const { rows } = await sql`select
    (select count(*) from enrollments e join courses c on c.id = e.course_id
      where c.course_key = any (${keys}) and e.is_active)::int as enrollments,
    (select count(*) from enrollment_events v join enrollments e on e.id = v.enrollment_id
      join courses c on c.id = e.course_id where c.course_key = any (${keys}))::int as events,
    (select count(*) from enrollment_allowances where course_key = any (${keys}) and claimed_by is null)::int as allowances,
    (select count(*) from manual_enrollments where course_key = any (${keys}))::int as audit`.execute(db)
  expect(rows).toEqual([{ enrollments: 750, events: 750, allowances: 750, audit: 1500 }])
})

/** Half of the people have an account, two of those an allowance; the others do not. */
async function mixture(
  people: number,
  runs: number,
  { columns, action, withCohorts }: { columns: object; action: 'enroll' | 'unenroll'; withCohorts: boolean },
): Promise<ManualEnrollment> {
  const learners = await addLearners(db, people / 2)
  const keys = []
  for (let n = 0; n < runs; n += 1) {
    const courseId = await addCourse(db, columns)
    await addCohort(db, courseId, 'red')
    for (const { email } of learners.slice(0, 2)) await addAllowance(db, email, courseId)
    keys.push(courseKeyOf(courseId))
  }
  const strangers = learners.map(({ username }) => `new-${username}@example.com`)
  const request: ManualEnrollment = {
    action: 'enroll',
    identifiers: [...learners.map(({ username }) => username), ...strangers],
    courses: keys.map((key) => ({ key, cohort: withCohorts ? 'red' : null })),
    autoEnroll: false,
    reason: null,
  }
  if (action === 'unenroll') await enrollManually(db, request, by())
  return { ...request, action }
}

function by() {
  const metadata = { actor: { kind: 'user', name: staff.username }, via: 'rest', now: new Date() } as const
  return { actorId: staff.id, metadata, policy: defaultPolicy }
}
