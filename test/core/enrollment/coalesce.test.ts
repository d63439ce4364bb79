import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { createCaller, defaultPolicy, enrollmentErrorFrom } from '../../../routers/index.ts'
import { counting } from '../../support/counting.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { eventually } from '../../support/eventually.ts'

const actor = { kind: 'service', name: 'tests' } as const

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database

describe('calls that are made at the same time', () => {
  test('share their statements, and each has its own answer and its own event', async () => {
    const counted = counting(db)
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 300)
    const outcomes = await Promise.all(
      learners.map(({ username }, index) =>
        createCaller({ db: counted.db, actor, requestId: `request ${index}` }).enrollment.enroll({
          username,
          courseId,
        }),
      ),
    )
    expect(outcomes.map(({ kind, enrollment }) => [kind, enrollment.username])).toEqual(
      learners.map(({ username }) => ['created', username]),
    )
    expect(counted.statements()).toBeLessThan(20)
    const events = await db.selectFrom('enrollment_events').select(['id', 'request_id']).orderBy('id').execute()
    const asked = new Map(events.map((event) => [event.id, event.request_id]))
    expect(outcomes.map(({ eventId }) => asked.get(eventId ?? ''))).toEqual(learners.map((_, n) => `request ${n}`))
  })

  test('in a transaction share nothing (so it is the pool that gathers)', async () => {
    const counted = counting(db)
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 20)
    await counted.db.transaction().execute(async (trx) => {
      const { enrollment } = createCaller({ db: trx, actor })
      await Promise.all(learners.map(({ username }) => enrollment.enroll({ username, courseId })))
    })
    expect(counted.statements()).toBeGreaterThanOrEqual(40)
  })

  test('fail one by one', async () => {
    const [courseId, closed] = [await addCourse(db), await addCourse(db, { invitation_only: true })]
    const learners = await addLearners(db, 40)
    const codes = await Promise.all(
      learners.map(({ username }, index) => {
        const call = createCaller({ db, actor }).enrollment.enroll({
          username: index % 4 === 1 ? 'nobody' : username,
          courseId: index % 4 === 2 ? closed : courseId,
        })
        return call.then(() => 'enrolled', codeOf)
      }),
    )
    expect(codes).toEqual(
      learners.map((_, index) => ['enrolled', 'learnerNotFound', 'enrollmentClosed', 'enrolled'][index % 4]),
    )
  })

  test('are decided each by the policy of its own caller', async () => {
    const courseId = await addCourse(db, { modes: ['audit', 'honor'] })
    const learners = await addLearners(db, 10)
    const honor = { ...defaultPolicy, defaultMode: 'honor' }
    const outcomes = await Promise.all(
      learners.map(({ username }, index) => {
        const policy = index % 2 === 0 ? defaultPolicy : honor
        return createCaller({ db, actor, policy }).enrollment.enroll({ username, courseId })
      }),
    )
    expect(outcomes.map(({ enrollment }) => enrollment.mode)).toEqual(
      learners.map((_, index) => (index % 2 === 0 ? 'audit' : 'honor')),
    )
  })
})

describe('seats that somebody holds', () => {
  test('hold up those who want one of them, and nobody else', async () => {
    // They wait for as long as the others take.
    await using pool = openDatabase({ connectionString, poolSize: 6, lockTimeoutMs: 60_000, requestDeadlineMs: 0 })
    const [wanted, other, open] = [
      await addCourse(db, { max_enrollments: 100 }),
      await addCourse(db, { max_enrollments: 100 }),
      await addCourse(db),
    ]
    await using held = await hold(wanted)
    const { enrollment } = createCaller({ db: pool, actor })
    const learners = (await addLearners(db, 60)).map(({ username }) => username)
    const answered: string[] = []
    const waiting = learners.map(async (username) => {
      await enrollment.enroll({ username, courseId: wanted })
      answered.push(username)
    })
    const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
    for (const courseId of [open, other]) await enrollment.enroll({ username: learners[0] ?? '', courseId })
    await enrollment.enroll({ username: learners[1] ?? '', courseId: open, attributes })
    expect(answered).toEqual([])
    await held.release()
    await Promise.all(waiting)
    expect(answered).toHaveLength(60)
  })

  test('are not gone before somebody has them', async () => {
    await using pool = openDatabase({ connectionString, poolSize: 3 })
    const courseId = await addCourse(db, { max_enrollments: 1 })
    await using held = await hold(courseId)
    const { enrollment } = createCaller({ db: pool, actor })
    const [first, second] = (await addLearners(db, 2)).map(({ username }) =>
      enrollment.enroll({ username, courseId }).then(({ kind }) => kind, codeOf),
    )
    await eventually(async () => {
      const { rows } = await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
      expect(rows.length).toBeGreaterThan(0)
    })
    expect(await first).toBe('unavailable')
    await held.release()
    expect(await second).not.toBe('courseFull')
  })

  async function hold(courseId: string) {
    const trx = await db.startTransaction().execute()
    await trx.selectFrom('courses').select('id').where('course_key', '=', courseId).forUpdate().execute()
    const release = async () => {
      if (!trx.isRolledBack) await trx.rollback().execute()
    }
    return { release, [Symbol.asyncDispose]: release }
  }
})

test('a crowd of one actor does not hold up the single call of another', async () => {
  const courseId = await addCourse(db)
  const [first, single, ...learners] = await addLearners(db, 3_002)
  // Without a deadline: on a slow machine a pool refuses calls of a crowd that it would answer too late. With one connection no
  // round overtakes another that the machine lets wait.
  await using patient = openDatabase({ connectionString, requestDeadlineMs: 0, poolSize: 1 })
  const crowd = createCaller({ db: patient, actor: { kind: 'service', name: 'crowd' } }).enrollment
  // Of a course run that is known each round is one statement.
  await crowd.enroll({ username: first?.username ?? '', courseId })
  let done = 0
  const all = learners.map(async ({ username }) => {
    await crowd.enroll({ username, courseId })
    done += 1
  })
  await createCaller({ db: patient, actor }).enrollment.enroll({ username: single?.username ?? '', courseId })
  expect(done).toBeLessThan(1_500)
  await Promise.all(all)
})

function codeOf(error: unknown): string {
  return enrollmentErrorFrom(error)?.code ?? String(error)
}
