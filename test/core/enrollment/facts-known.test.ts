import type { Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { plainCommand, type EnrollmentCommand } from '../../../core/enrollment/command.ts'
import { factsQuery, readFacts } from '../../../core/enrollment/facts.ts'
import { knownCoursesOf } from '../../../core/enrollment/known-courses.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addAllowance, addCourse, addLearners, addRole, type SeededLearner } from '../../support/seed.ts'
import { runStatement } from '../../support/statement.ts'
import { addEnrollment } from '../../support/world.ts'

// What a process knows of a course run is not read again, unless it has changed: what is read is the same all the same.

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

let learners: SeededLearner[] = []
let courseId = ''
let otherId = ''
beforeEach(async () => {
  learners = await addLearners(db, 3)
  courseId = await addCourse(db, { max_enrollments: 5 })
  otherId = await addCourse(db)
})

const NAMED: Record<string, (learner: SeededLearner) => EnrollmentCommand['learner']> = {
  username: ({ username }) => ({ username }),
  email: ({ email }) => ({ email }),
}
const commandsFor = (named: string, count: number): EnrollmentCommand[] =>
  learners.slice(0, count).flatMap((learner) =>
    [courseId, otherId, 'course-v1:No+Such+Run'].slice(0, count).map((course) => ({
      ...plainCommand,
      learner: NAMED[named]?.(learner) ?? { username: '' },
      courseId: course,
      path: 'enroll' as const,
    })),
  )

describe.each([
  ['one', 'username', 1],
  ['several', 'username', 3],
  ['several, by e-mail address', 'email', 3],
])('the facts of %s', (_, named, count) => {
  test('of a course run that is known are those that a process reads that knows nothing', async () => {
    const commands = commandsFor(named, count)
    const first = await readFacts(db, commands)
    expect(first[0]?.course).toMatchObject({ courseId, maxEnrollments: 5, modes: [{ slug: 'audit' }, {}] })
    expect(await readFacts(db, commands)).toEqual(first)
    expect(await toldOf(db, commands)).toEqual(
      [courseId, otherId].slice(0, count).map(() => ({ ...SAME, seatsTaken: expect.toBeOneOf([0, null]) })),
    )
  })

  test.each<[string, () => Promise<unknown>]>([
    ['its name', () => change(`update courses set display_name = 'other'`)],
    ['its window', () => change(`update courses set enrollment_end = now() - interval '1 day'`)],
    ['its owner', () => change(`update courses set owner = 'lms'`)],
    ['its limit', () => change(`update courses set max_enrollments = null`)],
    ['that it is by invitation', () => change(`update courses set invitation_only = true`)],
    ['a mode', () => change(`update course_modes set name = 'other' where course_id = (select id from courses`, ')')],
    ['no mode', () => change(`delete from course_modes where course_id = (select id from courses`, ')')],
    ['a taken seat', () => addEnrollment(db, learners[2]?.id ?? 0, courseId)],
    ['a first allowance', () => addAllowance(db, learners[0]?.email ?? '', courseId)],
    ['an allowance of somebody else', () => addAllowance(db, 'x@example.com', courseId)],
    ['a role', () => addRole(db, learners[0] ?? { id: 0 }, 'staff', courseId)],
    ['nothing but the lock of its seats', () => change(`update courses set seat_lock = seat_lock + 1`)],
  ])('after a change: %s', async (_change, make) => {
    const commands = commandsFor(named, count)
    await readFacts(db, commands)
    await make()
    await using fresh = openDatabase({ connectionString, poolSize: 1 })
    const expected = await readFacts(fresh, commands)
    // Twice: what has changed is known from the first time on.
    for (let time = 0; time < 2; time += 1) expect(await readFacts(db, commands)).toEqual(expected)
    await db.transaction().execute(async (trx) => expect(await readFacts(trx, commands)).toEqual(expected))
    expect(knownCoursesOf(db).get(courseId)?.hasAllowances).toBe(knownCoursesOf(fresh).get(courseId)?.hasAllowances)
  })
})

test('a course run whose row was copied by hand, with its revision, is none that is known', async () => {
  const commands = commandsFor('username', 2)
  const before = (await readFacts(db, commands.slice(0, 1)))[0]
  await runStatement(
    connectionString,
    `set session_replication_role = replica; update courses set revision = (select revision from courses where course_key = '${courseId}')
     where course_key = '${otherId}'`,
  )
  const [one, other] = await readFacts(db, commands)
  expect(one?.course).toEqual(before?.course)
  expect(other?.course).toMatchObject({ courseId: otherId, maxEnrollments: null })
})

test('a transaction reads what it has changed itself, and nobody else remembers that', async () => {
  const commands = commandsFor('username', 1)
  const before = await readFacts(db, commands)
  await expect(
    db.transaction().execute(async (trx) => {
      await trx.updateTable('courses').set({ display_name: 'mine' }).where('course_key', '=', courseId).execute()
      expect((await readFacts(trx, commands))[0]?.course?.displayName).toBe('mine')
      throw new Error('taken back')
    }),
  ).rejects.toThrow('taken back')
  expect(await readFacts(db, commands)).toEqual(before)
})

const SAME = { id: expect.any(Number), hasAllowances: false }

function change(statement: string, end = ''): Promise<unknown> {
  return runStatement(connectionString, `${statement} where course_key = '${courseId}'${end}`)
}

/** What PostgreSQL tells of the course runs. */
async function toldOf(on: Kysely<DB>, commands: readonly EnrollmentCommand[]) {
  const { statement } = factsQuery(commands, knownCoursesOf(on))
  const { rows } = await on.executeQuery(statement)
  return rows.flatMap(({ courses }) => courses ?? [])
}
