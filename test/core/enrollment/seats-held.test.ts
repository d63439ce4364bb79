import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { callerOf, refusalOf } from '../../routers/calls.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner, addLearners, type SeededLearner } from '../../support/seed.ts'
import { untilWaiting } from '../../support/waiting.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

test.each(['alone', 'in a transaction', 'in a batch'] as const)(
  'seats that somebody holds for longer than a call may wait make it unavailable: %s',
  async (how) => {
    await using pool = openDatabase({ connectionString, lockTimeoutMs: 300, poolSize: 2 })
    const { username } = await addLearner(db)
    const input = { username, courseId: await addCourse(db, { max_enrollments: 5 }) }
    const holder = await db.startTransaction().execute()
    await holder.selectFrom('courses').select('id').where('course_key', '=', input.courseId).forUpdate().execute()
    expect(await codeOf()).toBe('unavailable')
    await holder.rollback().execute()
    expect(await callerOf(pool).enrollment.enroll(input)).toMatchObject({ kind: 'created' })

    async function codeOf(): Promise<string | undefined> {
      if (how === 'alone') return (await refusalOf(callerOf(pool).enrollment.enroll(input))).code
      if (how === 'in a transaction') {
        const work = pool.transaction().execute((trx) => callerOf(trx).enrollment.enroll(input))
        return (await refusalOf(work)).code
      }
      const { results } = await callerOf(pool).enrollment.enrollMany({ items: [input] })
      return results.map((result) => (result.ok ? result.outcome.kind : result.error.code)).join(',')
    }
  },
)

test('whoever waited for seats sees who took them meanwhile', async () => {
  await using pool = openDatabase({ connectionString, poolSize: 2 })
  // A few times: on a slow machine the wait may be over before, and the call begins again.
  for (let time = 0; time < 4; time += 1) {
    const courseId = await addCourse(db, { max_enrollments: 2 })
    const [first, second, third] = await addLearners(db, 3)
    const inputOf = (learner: SeededLearner | undefined) => ({ username: learner?.username ?? '', courseId })
    await callerOf(pool).enrollment.enroll(inputOf(first))
    const faster = await db.startTransaction().execute()
    await callerOf(faster).enrollment.enroll(inputOf(second))
    const refusal = refusalOf(callerOf(pool).enrollment.enroll(inputOf(third)))
    await untilWaiting(db)
    await faster.commit().execute()
    expect(await refusal).toMatchObject({ code: 'courseFull' })
  }
})
