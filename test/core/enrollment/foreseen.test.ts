import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { EnrollmentFilter } from '../../../core/enrollment/filter.ts'
import { defaultPolicy, enrollmentErrorFrom, type Outcome } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { observed } from '../../support/observed.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { runStatement } from '../../support/statement.ts'
import { callerOf } from '../../routers/calls.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

const texts: string[] = []
const pool = observed(db, (text) => texts.push(text))
const { enrollment } = callerOf(pool)
const LATER = new Date(Date.now() + 3_600_000)

beforeEach(async () => {
  // Whatever came before: what came last was new.
  const { username } = await addLearner(db)
  for (let n = 0; n < 2; n += 1) await enrollment.enroll({ username, courseId: await addCourse(db) })
  await enrollment.enrollMany({ items: [{ username, courseId: await addCourse(db) }] })
})

describe('in a course run that is known', () => {
  test('a lone new enrollment is one statement', async () => {
    const courseId = await knownCourse()
    const { username, userId, id } = await addLearner(db)
    const outcome = await counted(1, () => enrollment.enroll({ username, courseId, reason: 'r', enterpriseUuid: UUID }))
    expect(texts).toEqual([expect.stringContaining('enrollment.foreseenOne')])
    expect(outcome).toMatchObject({ kind: 'created', before: null, enrollment: { userId: String(userId), version: 1 } })
    expect(await storedOf(id)).toMatchObject([
      { id: outcome.enrollment.id, event_id: outcome.eventId, kind: 'created', mode: 'audit', is_active: true },
    ])
    expect(await enrollment.history({ username, courseId })).toMatchObject([
      { kind: 'created', version: 1, reason: 'r', enterpriseUuid: UUID, before: null, via: 'caller' },
    ])
    expect(await enrollment.get({ username, courseId })).toEqual(outcome.enrollment)
  })

  test.each([
    ['as it is asked for again', {}, 1, 'unchanged'],
    ['in another mode', { mode: 'verified', whenEnrolled: 'update' }, 2, 'modeChanged'],
  ] as const)('one that exists, %s, is answered from the facts that came back', async (_, rest, statements, kind) => {
    const courseId = await knownCourse()
    const { username } = await addLearner(db)
    const first = await enrollment.enroll({ username, courseId })
    const again = await counted(statements, () => enrollment.enroll({ username, courseId, ...rest }))
    expect(again.kind).toBe(kind)
    expect(again.enrollment).toMatchObject({ id: first.enrollment.id, created: first.enrollment.created })
    expect(await enrollment.history({ username, courseId })).toHaveLength(kind === 'unchanged' ? 1 : 2)
  })

  test('somebody unknown is refused after one statement', async () => {
    const courseId = await knownCourse()
    const code = await counted(1, () => codeOf(enrollment.enroll({ username: 'nobody', courseId })))
    expect(code).toBe('learnerNotFound')
  })

  test('somebody else than most is enrolled after a look at who it is', async () => {
    const courseId = await knownCourse()
    const { username } = await addLearner(db, { is_staff: true })
    expect(await counted(2, () => codeOf(enrollment.enroll({ username, courseId })))).toBe('created')
  })

  test.each(['email', 'userId'] as const)('a learner may be named by %s', async (name) => {
    const courseId = await knownCourse()
    const learner = await addLearner(db)
    const ref = name === 'email' ? { email: ` ${learner.email.toUpperCase()}` } : { userId: String(learner.userId) }
    const outcome = await counted(1, () => enrollment.enroll({ ...ref, courseId }))
    expect(outcome).toMatchObject({
      kind: 'created',
      enrollment: { username: learner.username, userId: String(learner.userId) },
    })
  })

  test('one of a course run by a key with a branch is the same', async () => {
    const courseId = await knownCourse()
    const { username } = await addLearner(db)
    const outcome = await counted(1, () => enrollment.enroll({ username, courseId: `${courseId}+branch@draft` }))
    expect(outcome.enrollment.courseId).toBe(courseId)
  })

  test('a batch is one statement, with its events in the order of the items', async () => {
    const courses = [await knownCourse(), await knownCourse()]
    const learners = await addLearners(db, 50)
    const items = learners.flatMap(({ username }) => courses.map((courseId) => ({ username, courseId }))).toReversed()
    const { counts, results } = await counted(1, () => enrollment.enrollMany({ items }))
    expect(counts).toEqual({ created: 100 })
    const outcomes = results.flatMap((result) => (result.ok ? [result.outcome] : []))
    expect(outcomes.map(({ enrollment: { username, courseId } }) => ({ username, courseId }))).toEqual(items)
    const eventIds = outcomes.map(({ eventId }) => Number(eventId))
    expect(eventIds).toEqual(eventIds.toSorted((a, b) => a - b))
    for (const outcome of outcomes.slice(0, 5)) {
      const { username, courseId } = outcome.enrollment
      expect((await enrollment.history({ username, courseId })).map(({ id }) => id)).toEqual([outcome.eventId])
    }
    const { rows } = await sql<{ id: string }>`
      select e.id from enrollments e join courses c on c.id = e.course_id
      join learners l on l.id = e.learner_id
      where c.course_key = any (${courses}::text[]) and l.username = any (${learners.map(({ username }) => username)}::text[])
      order by e.course_id, e.learner_id`.execute(db)
    const ids = rows.map(({ id }) => Number(id))
    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  })

  test('a batch with one that exists is written after it, as if one after another', async () => {
    const courseId = await knownCourse()
    const learners = await addLearners(db, 20)
    const items = learners.map(({ username }) => ({ username, courseId }))
    await enrollment.enroll({ username: learners[7]?.username ?? '', courseId, isActive: false })
    const { counts, results } = await counted(2, () => enrollment.enrollMany({ items }))
    expect(counts).toEqual({ created: 19, reactivated: 1 })
    const events = results.flatMap((result) => (result.ok ? (result.outcome.eventId ?? []) : [])).map(Number)
    expect(events).toEqual(events.toSorted((a, b) => a - b))
    // The next one reads first, and the one after it is written ahead again.
    for (const name of ['factsByUsername', 'foreseenByUsername']) {
      const fresh = await addLearners(db, 3)
      texts.length = 0
      await enrollment.enrollMany({ items: fresh.map(({ username }) => ({ username, courseId })) })
      expect(texts[0]).toContain(name)
    }
  })

  test('a batch that names a pair twice is decided one after another', async () => {
    const courseId = await knownCourse()
    const { username } = await addLearner(db)
    const twice = [{ username }, { username, isActive: false, whenEnrolled: 'update' as const }]
    expect((await enrollment.enrollMany({ items: twice.map((item) => ({ ...item, courseId })) })).counts).toEqual({
      created: 1,
      deactivated: 1,
    })
  })

  test('a batch that names somebody in two ways is refused by PostgreSQL, and decided one after another', async () => {
    const courseId = await knownCourse()
    const { username, email } = await addLearner(db)
    const items = [{ username }, { email }].map((item) => ({ ...item, courseId }))
    texts.length = 0
    expect((await enrollment.enrollMany({ items })).counts).toEqual({ created: 1, unchanged: 1 })
    // What fails is not told of.
    expect(texts.map(nameOf)).toEqual(['facts', 'writeOneBriefly'])
    expect(await enrollment.history({ username, courseId })).toHaveLength(1)
  })

  test('calls of the same moment are one statement, whatever becomes of each', async () => {
    const courseId = await knownCourse()
    const learners = await addLearners(db, 30)
    const [enrolled, unknown] = [learners[3]?.username ?? '', 'nobody']
    await enrollment.enroll({ username: enrolled, courseId })
    const usernames = [...learners.map(({ username }) => username), unknown]
    const codes = await counted(1, () =>
      Promise.all(usernames.map((username) => codeOf(enrollment.enroll({ username, courseId })))),
    )
    const others: Record<string, string> = { [enrolled]: 'unchanged', [unknown]: 'learnerNotFound' }
    expect(codes).toEqual(usernames.map((name) => others[name] ?? 'created'))
  })

  test('calls about the same pair see one another', async () => {
    const courseId = await knownCourse()
    const { username } = await addLearner(db)
    const calls = [
      enrollment.enroll({ username, courseId }),
      enrollment.enroll({ username, courseId, mode: 'verified', whenEnrolled: 'update' }),
      ...(await addLearners(db, 3)).map((other) => enrollment.enroll({ username: other.username, courseId })),
    ]
    expect((await Promise.all(calls)).map(({ kind }) => kind)).toEqual([
      'created',
      'modeChanged',
      ...['created', 'created', 'created'],
    ])
  })

  test('where most exist, the next round reads first', async () => {
    const courseId = await knownCourse()
    const [old, fresh] = await addLearners(db, 2)
    await enrollment.enroll({ username: old?.username ?? '', courseId })
    const repeat = () => enrollment.enroll({ username: old?.username ?? '', courseId })
    await repeat()
    texts.length = 0
    await repeat()
    await enrollment.enroll({ username: fresh?.username ?? '', courseId })
    expect(texts.map(nameOf)).toEqual(['factsOfOne', 'factsOfOne', 'writeOneBriefly'])
  })

  test('a filter of the site is asked on what was read', async () => {
    const seen: string[] = []
    const filter: EnrollmentFilter = { name: 'f', check: ({ learner }) => void seen.push(learner.userId) }
    const { username, userId } = await addLearner(db)
    const courseId = await knownCourse()
    const caller = callerOf(pool, { policy: { ...defaultPolicy, filters: [filter] } })
    await counted(2, () => caller.enrollment.enroll({ username, courseId }))
    expect(seen).toEqual([String(userId)])
  })

  test('in a transaction it is read first', async () => {
    const courseId = await knownCourse()
    const { username } = await addLearner(db)
    texts.length = 0
    await pool.transaction().execute((trx) => callerOf(trx).enrollment.enroll({ username, courseId }))
    expect(texts.map(nameOf)).toEqual(['factsOfOne', 'writeOne'])
    const items = (await addLearners(db, 2)).map((learner) => ({ username: learner.username, courseId }))
    texts.length = 0
    await pool.transaction().execute((trx) => callerOf(trx).enrollment.enrollMany({ items }))
    expect(texts.map(nameOf)).toEqual(['factsByUsername', 'write'])
  })

  test('its seats are counted under their lock', async () => {
    const courseId = await knownCourse({ max_enrollments: 3 })
    const learners = await addLearners(db, 6)
    const calls = learners.map(({ username }) => codeOf(enrollment.enroll({ username, courseId })))
    const codes = await Promise.all(calls)
    expect(codes.toSorted()).toEqual(['courseFull', 'courseFull', 'courseFull', 'courseFull', 'created', 'created'])
  })
})

describe('a course run with a window', () => {
  test('that is open is one statement', async () => {
    const courseId = await knownCourse({ enrollment_end: LATER.toISOString() })
    const { username } = await addLearner(db)
    expect(await counted(1, () => codeOf(enrollment.enroll({ username, courseId })))).toBe('created')
    expect(await counted(1, () => codeOf(enrollment.enroll({ username, courseId })))).toBe('unchanged')
  })

  test('that has closed since it was known, by the clock alone, takes nobody more but its team', async () => {
    const courseId = await knownCourse({ enrollment_end: LATER.toISOString() })
    const [learner, teacher] = await addLearners(db, 2)
    await sql`insert into roles (learner_id, role, org, course_key) values (${teacher?.id}, 'staff', 'Test', ${courseId})`.execute(
      db,
    )
    const afterwards = callerOf(pool, { now: () => new Date(LATER.getTime() + 1) }).enrollment
    const codes = [learner, teacher].map((one) =>
      codeOf(afterwards.enroll({ username: one?.username ?? '', courseId })),
    )
    expect(await Promise.all(codes)).toEqual(['enrollmentClosed', 'created'])
  })
})

test.each([
  [8, ['factsOfOne', 'foreseenByUsername']],
  [7, ['factsByUsername', 'writeBriefly']],
])('a batch of %i in a course run that nothing is known of: %j', async (size, statements) => {
  const courseId = await addCourse(db)
  const items = (await addLearners(db, size)).map(({ username }) => ({ username, courseId }))
  texts.length = 0
  expect((await enrollment.enrollMany({ items })).counts).toEqual({ created: size })
  expect(texts.map(nameOf)).toEqual(statements)
})

test.each([
  [8, ['factsOfOne', 'foreseenByUsername']],
  [7, ['factsByUsername', 'writeBriefly']],
])('%i calls of the same moment in a course run that nothing is known of: %j', async (size, statements) => {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, size)
  texts.length = 0
  const codes = await Promise.all(learners.map(({ username }) => codeOf(enrollment.enroll({ username, courseId }))))
  expect(codes).toEqual(learners.map(() => 'created'))
  expect(texts.map(nameOf)).toEqual(statements)
})

test('calls of the same moment for seats and for course runs that do not exist are decided beside them', async () => {
  const [open, capped] = [await addCourse(db), await addCourse(db, { max_enrollments: 1 })]
  const first = ['course-v1:No+Such+Run', capped, capped]
  const learners = await addLearners(db, 24)
  const codes = await Promise.all(
    learners.map(({ username }, index) => codeOf(enrollment.enroll({ username, courseId: first[index] ?? open }))),
  )
  expect(codes).toEqual(['courseNotFound', 'created', 'courseFull', ...learners.slice(3).map(() => 'created')])
})

test('a batch for the seats of a course run that nothing is known of locks them before all is read', async () => {
  const courseId = await addCourse(db, { max_enrollments: 5 })
  const items = (await addLearners(db, 8)).map(({ username }) => ({ username, courseId }))
  texts.length = 0
  expect((await enrollment.enrollMany({ items })).counts).toEqual({ created: 5, courseFull: 3 })
  expect(texts.map(nameOf)).toEqual(['factsOfOne', 'lockSeats', 'factsByUsername', 'write'])
})

test('whose role matters in a course run that has closed is read, beside calls that are written ahead', async () => {
  const [open, closed] = [await knownCourse(), await knownCourse({ enrollment_end: LATER.toISOString() })]
  const [learner, teacher, ...others] = await addLearners(db, 8)
  await sql`insert into roles (learner_id, role, org, course_key) values (${teacher?.id}, 'staff', 'Test', ${closed})`.execute(
    db,
  )
  const afterwards = callerOf(pool, { now: () => new Date(LATER.getTime() + 1) }).enrollment
  texts.length = 0
  const codes = [
    ...[learner, teacher].map((one) => codeOf(afterwards.enroll({ username: one?.username ?? '', courseId: closed }))),
    ...others.map(({ username }) => codeOf(afterwards.enroll({ username, courseId: open }))),
  ]
  expect(await Promise.all(codes)).toEqual(['enrollmentClosed', 'created', ...others.map(() => 'created')])
  expect(texts[0]).toContain('foreseenByUsername')
})

describe('what another connection changes after a course run was known', () => {
  test.each([
    ['its owner', `update courses set owner = 'lms'`, 'ownedByLms'],
    [
      'the beginning of its window',
      `update courses set enrollment_start = now() + interval '1 day'`,
      'enrollmentClosed',
    ],
    ['the end of its window', `update courses set enrollment_end = now() - interval '1 day'`, 'enrollmentClosed'],
    ['that it is by invitation', `update courses set invitation_only = true`, 'enrollmentClosed'],
    ['its seats', `update courses set max_enrollments = 0`, 'courseFull'],
    ['its seats, with their lock', `update courses set max_enrollments = 0, seat_lock = 7`, 'courseFull'],
    [
      'a mode that is taken away',
      `delete from course_modes where slug = 'audit' and course_id in (select id from courses`,
      'modeUnavailable',
    ],
    [
      'a mode that expires',
      `update course_modes set expires = now() - interval '1 day' where slug = 'audit' and course_id in (select id from courses`,
      'modeUnavailable',
    ],
    [
      'a mode that goes elsewhere',
      `update course_modes set course_id = (select min(id) from courses), slug = 'x' where slug = 'audit' and course_id in (select id from courses`,
      'modeUnavailable',
    ],
    [
      'an allowance that somebody else has used',
      `insert into enrollment_allowances (email, course_key, claimed_by) select '@', course_key, (select min(id) from learners) from courses`,
      'enrollmentClosed',
    ],
  ])('%s', async (_, change, code) => {
    const courseId = await knownCourse()
    const { username, email } = await addLearner(db)
    const ofCourse = `${change.replace('@', email)} where course_key = '${courseId}'${change.includes('(select id from courses') ? ')' : ''}`
    await runStatement(connectionString, ofCourse)
    texts.length = 0
    expect(await codeOf(enrollment.enroll({ username, courseId, mode: 'audit' }))).toBe(code)
    // It was expected to be written, and was not.
    expect(texts[0]).toContain('foreseenOne')
    expect(await codeOf(enrollment.enroll({ username, courseId, mode: 'audit' }))).toBe(code)
  })

  test.each([
    ['a mode that is added', `insert into course_modes (course_id, slug, name) select id, 'honor', 'h' from courses`],
    [
      'a mode that gets another name',
      `update course_modes set slug = 'honor' where slug = 'verified' and course_id in (select id from courses`,
    ],
  ])('%s is offered', async (_, change) => {
    const courseId = await knownCourse()
    const { username } = await addLearner(db)
    await runStatement(
      connectionString,
      `${change} where course_key = '${courseId}'${change.includes(' in (') ? ')' : ''}`,
    )
    expect(await codeOf(enrollment.enroll({ username, courseId, mode: 'honor' }))).toBe('created')
  })

  test.each(['a round', 'a batch'])('its owner, in %s that is about another course run too', async (way) => {
    const courses = [await knownCourse(), await knownCourse()]
    await runStatement(connectionString, `update courses set owner = 'lms' where course_key = $1`, [courses[0]])
    const learners = await addLearners(db, 6)
    const items = learners.flatMap(({ username }) => courses.map((courseId) => ({ username, courseId })))
    texts.length = 0
    const codes =
      way === 'a round'
        ? await Promise.all(items.map((item) => codeOf(enrollment.enroll(item))))
        : (await enrollment.enrollMany({ items })).results.map((result) =>
            result.ok ? result.outcome.kind : result.error.code,
          )
    expect(texts[0]).toContain('foreseenByUsername')
    expect(codes).toEqual(learners.flatMap(() => ['ownedByLms', 'created']))
  })

  test('the learner', async () => {
    const courseId = await knownCourse({ enrollment_end: LATER.toISOString() })
    const { username, id } = await addLearner(db)
    await runStatement(connectionString, 'update learners set is_superuser = true where id = $1', [id])
    const afterwards = callerOf(pool, { now: () => new Date(LATER.getTime() + 1) }).enrollment
    expect(await codeOf(afterwards.enroll({ username, courseId }))).toBe('created')
  })

  test('costs one statement more, once', async () => {
    const courseId = await knownCourse()
    const [first, second, third] = await addLearners(db, 3)
    await runStatement(connectionString, `update courses set display_name = 'New' where course_key = $1`, [courseId])
    await counted(3, () => enrollment.enroll({ username: first?.username ?? '', courseId }))
    // The round before was not written ahead.
    await counted(2, () => enrollment.enroll({ username: second?.username ?? '', courseId }))
    const outcome = await counted(1, () => enrollment.enroll({ username: third?.username ?? '', courseId }))
    expect(outcome.kind).toBe('created')
  })

  test('nothing: whoever takes the lock of its seats does not change it', async () => {
    const courseId = await knownCourse()
    const { username } = await addLearner(db)
    await runStatement(connectionString, 'update courses set seat_lock = seat_lock + 1 where course_key = $1', [
      courseId,
    ])
    expect((await counted(1, () => enrollment.enroll({ username, courseId }))).kind).toBe('created')
  })
})

describe('two processes', () => {
  test('that create the same enrollments at once make each of them once', async () => {
    await using other = openDatabase({ connectionString })
    const courseId = await knownCourse()
    const processes = [enrollment, callerOf(other).enrollment]
    for (const each of processes) await each.enroll({ username: (await addLearner(db)).username, courseId })
    for (let round = 0; round < 20; round += 1) {
      const learners = await addLearners(db, 20)
      const calls = learners.flatMap(({ username }) =>
        processes.map((each) => codeOf(each.enroll({ username, courseId }))),
      )
      const codes = await Promise.all(calls)
      expect(codes.filter((code) => code === 'created')).toHaveLength(20)
      expect(codes.filter((code) => code === 'unchanged')).toHaveLength(20)
    }
    const { rows } = await sql<{ rows: number; events: number }>`
      select count(distinct e.id)::integer as rows, count(v.id)::integer as events from enrollments e
      join courses c on c.id = e.course_id left join enrollment_events v on v.enrollment_id = e.id
      where c.course_key = ${courseId}`.execute(db)
    expect(rows[0]?.events).toBe(rows[0]?.rows)
  })

  test('that send the same batch at once make each enrollment once', async () => {
    await using other = openDatabase({ connectionString })
    const courseId = await knownCourse()
    const processes = [enrollment, callerOf(other).enrollment]
    for (const each of processes) await each.enroll({ username: (await addLearner(db)).username, courseId })
    const learners = await addLearners(db, 200)
    const items = learners.map(({ username }) => ({ username, courseId }))
    const answers = await Promise.all(processes.map((each) => each.enrollMany({ items })))
    const sum = (kind: string) => answers.reduce((total, { counts }) => total + (counts[kind] ?? 0), 0)
    expect([sum('created'), sum('unchanged')]).toEqual([200, 200])
  })
})

test('a row that a trigger of somebody else leaves out has no event, and is not told to be there', async () => {
  await sql`
    create function leave_out() returns trigger language plpgsql as 'begin return null; end';
    create trigger leave_out before insert on enrollments for each row when (new.mode = 'none') execute function leave_out()
  `.execute(db)
  const courseId = await knownCourse({ modes: ['audit', 'none'] })
  const learners = await addLearners(db, 12)
  const pairs = learners.map(({ username }, n) => ({ username, courseId, mode: n % 4 === 1 ? 'none' : 'audit' }))
  texts.length = 0
  expect(await codeOf(enrollment.enroll(pairs[1] ?? { username: '', courseId }))).toBe('unavailable')
  expect(texts[0]).toContain('foreseenOne')
  const { counts } = await enrollment.enrollMany({ items: pairs.slice(0, 6) })
  expect(counts).toEqual({ created: 4, unavailable: 2 })
  const codes = await Promise.all(pairs.slice(6).map((pair) => codeOf(enrollment.enroll(pair))))
  expect(codes).toEqual(pairs.slice(6).map(({ mode }) => (mode === 'none' ? 'unavailable' : 'created')))
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from enrollment_events v
    where not exists (select from enrollments e where e.id = v.enrollment_id)`.execute(db)
  expect(rows).toEqual([{ count: 0 }])
})

const UUID = '00000000-0000-4000-8000-000000000001'

/** A course run in which somebody has been enrolled on the pool. */
async function knownCourse(columns: Parameters<typeof addCourse>[1] = {}): Promise<string> {
  const courseId = await addCourse(db, columns)
  await enrollment.enroll({ username: (await addLearner(db)).username, courseId })
  return courseId
}

/** Runs work and expects that it takes so many statements. */
async function counted<T>(statements: number, work: () => Promise<T>): Promise<T> {
  texts.length = 0
  const result = await work()
  expect(texts.map(nameOf)).toHaveLength(statements)
  return result
}

function nameOf(text: string): string {
  return /^\/\* enrollment\.(\w+)/.exec(text)?.[1] ?? text
}

async function storedOf(learnerId: number) {
  return db
    .selectFrom('enrollments as e')
    .innerJoin('enrollment_events as v', 'v.enrollment_id', 'e.id')
    .select(['e.id', 'e.mode', 'e.is_active', 'v.id as event_id', 'v.kind'])
    .where('e.learner_id', '=', learnerId)
    .execute()
}

function codeOf(call: Promise<Outcome>): Promise<string> {
  return call.then(
    ({ kind }) => kind,
    (error: unknown) => enrollmentErrorFrom(error)?.code ?? String(error),
  )
}
