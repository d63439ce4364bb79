// slow: flips of the owner under load
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { changeOwner as changeOwnerOf, type ChangeOptions } from '../../../core/course/change-owner.ts'
import type { Owner } from '../../../core/course/owner.ts'
import { lockRunsOwnedByLms } from '../../../core/course/lock-owner.ts'
import { openDatabase } from '../../../core/database/open.ts'
import { createCaller, enrollmentErrorFrom } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addAllowance, addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { untilWaiting } from '../../support/waiting.ts'

const actor = { kind: 'service', name: 'tests' } as const

const database = await createTestDatabase()
const { db, connectionString } = database
const operator = openDatabase({ connectionString })
afterAll(async () => {
  await operator.destroy()
  await database[Symbol.asyncDispose]()
})

const { enrollment } = createCaller({ db, actor })

describe('to the LMS', () => {
  test('refuses callers from then on, and answers reads', async () => {
    const pair = await newPair()
    await enrollment.enroll(pair)
    expect(await changeOwner(db, [pair.courseId], 'lms')).toEqual(changedTo(pair.courseId))
    expect(await codeOf(enrollment.change({ ...pair, isActive: false }))).toBe('ownedByLms')
    expect(await codeOf(enrollment.enroll({ ...pair, isActive: false, whenEnrolled: 'update' }))).toBe('ownedByLms')
    expect(await enrollment.get(pair)).toMatchObject({ isActive: true })
    expect(await enrollment.history(pair)).toHaveLength(1)
  })

  test('waits for a transaction in which somebody has enrolled', async () => {
    const pair = await newPair()
    let change: Promise<unknown> | undefined
    let isChanged = false
    await db.transaction().execute(async (trx) => {
      await createCaller({ db: trx, actor }).enrollment.enroll(pair)
      change = changeOwner(operator, [pair.courseId], 'lms').finally(() => (isChanged = true))
      await eventually(async () => expect(await ownerOf(pair.courseId)).not.toBe('here'))
      // Time for a change that waits for nobody.
      await sleep(300)
      expect(isChanged).toBe(false)
    })
    expect(await change).toMatchObject({ is: 'changed' })
    expect(await enrollment.get(pair)).toMatchObject({ isActive: true })
  })

  test('waits for a transaction whose snapshot is older', async () => {
    const pair = await newPair()
    const snapshot = Promise.withResolvers<void>()
    const writes = db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        await sql`select count(*) from courses`.execute(trx)
        snapshot.resolve()
        await eventually(async () => expect(await ownerOf(pair.courseId)).not.toBe('here'))
        // Time for a change that waits for nobody.
        await sleep(300)
        return createCaller({ db: trx, actor }).enrollment.enroll(pair)
      })
    await snapshot.promise
    const changed = await changeOwner(operator, [pair.courseId], 'lms')
    const found = await enrollment.get(pair)
    expect(changed).toMatchObject({ is: 'changed' })
    expect(found).toMatchObject({ isActive: true })
    expect((await writes).kind).toBe('created')
  })

  test('changes nothing when a transaction takes too long, and names it', async () => {
    const pair = await newPair()
    await db.transaction().execute(async (trx) => {
      await createCaller({ db: trx, actor }).enrollment.enroll(pair)
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
      const changed = await changeOwner(operator, [pair.courseId], 'lms', { patienceMs: 50 })
      expect(changed).toMatchObject({ is: 'inUse', by: expect.arrayContaining([expect.objectContaining(rows[0])]) })
    })
    expect(await ownerOf(pair.courseId)).toBe('here')
  })

  test('does not mind transactions that neither write enrollments nor have an old snapshot', async () => {
    const { courseId } = await newPair()
    await db.transaction().execute(async (trx) => {
      await addLearners(trx, 1)
      // The statement before it keeps its snapshot until the next one.
      await sql`select 1`.execute(trx)
      expect(await changeOwner(operator, [courseId], 'lms')).toMatchObject({ is: 'changed' })
    })
  })

  test('changes nothing where both sides differ, and refuses callers while they are compared', async () => {
    const pair = await newPair()
    const other = await newPair()
    const agreeing = async () => {
      expect(await codeOf(enrollment.enroll(pair))).toBe('ownedByLms')
      expect(await lockedByLms(pair.courseId)).toBe(0)
      return [other.courseId]
    }
    const change = { is: 'changed', courseIds: [other.courseId], differing: [pair.courseId] }
    expect(await changeOwner(db, [pair.courseId, other.courseId], 'lms', { agreeing })).toEqual(change)
    expect(await codeOf(enrollment.enroll(pair))).toBe('created')
    expect(await codeOf(enrollment.enroll(other))).toBe('ownedByLms')
  })

  test('changes nothing where the comparison fails', async () => {
    const pair = await newPair()
    const agreeing = () => Promise.reject(new Error('away'))
    await expect(changeOwner(db, [pair.courseId], 'lms', { agreeing })).rejects.toThrow('away')
    expect(await ownerOf(pair.courseId)).toBe('here')
  })

  test('goes on where a change was cut off', async () => {
    const { courseId } = await newPair({ owner: 'leaving' })
    expect(await changeOwner(db, [courseId], 'lms')).toEqual(changedTo(courseId))
  })

  test('claims no allowance for somebody who is refused', async () => {
    const learner = await addLearner(db)
    const courseId = await addCourse(db, { owner: 'lms', invitation_only: true })
    await addAllowance(db, learner.email, courseId)
    expect(await codeOf(enrollment.enroll({ username: learner.username, courseId }))).toBe('ownedByLms')
    const allowance = await db
      .selectFrom('enrollment_allowances')
      .select('claimed_by')
      .where('course_key', '=', courseId)
      .executeTakeFirstOrThrow()
    expect(allowance.claimed_by).toBeNull()
  })
})

describe('to here', () => {
  test('waits for whoever writes for the LMS', async () => {
    const { courseId } = await newPair({ owner: 'lms' })
    let isChanged = false
    let change: Promise<unknown> | undefined
    await db.transaction().execute(async (trx) => {
      expect(await lockRunsOwnedByLms(trx, [await idOf(courseId)])).toEqual(new Set([await idOf(courseId)]))
      change = changeOwner(operator, [courseId], 'here').finally(() => (isChanged = true))
      await untilWaiting(db)
      expect(isChanged).toBe(false)
    })
    expect(await change).toMatchObject({ is: 'changed' })
    expect(await lockedByLms(courseId)).toBe(0)
  })

  test('changes nothing while somebody writes for the LMS for too long', async () => {
    const { courseId } = await newPair({ owner: 'lms' })
    await db.transaction().execute(async (trx) => {
      await lockRunsOwnedByLms(trx, [await idOf(courseId)])
      expect(await changeOwner(operator, [courseId], 'here', { patienceMs: 50 })).toEqual({ is: 'inUse', by: [] })
    })
    expect(await ownerOf(courseId)).toBe('lms')
  })

  test('refuses callers while both sides are compared, and lets them in afterwards', async () => {
    const pair = await newPair({ owner: 'lms' })
    const agreeing = async (courseIds: readonly string[]) => {
      expect(await codeOf(enrollment.enroll(pair))).toBe('ownedByLms')
      return courseIds
    }
    expect(await changeOwner(db, [pair.courseId], 'here', { agreeing })).toEqual(changedTo(pair.courseId))
    expect(await codeOf(enrollment.enroll(pair))).toBe('created')
  })

  test('changes nothing where they differ', async () => {
    const { courseId } = await newPair({ owner: 'lms' })
    const agreeing = () => Promise.resolve([])
    const change = { is: 'changed', courseIds: [], differing: [courseId] }
    expect(await changeOwner(db, [courseId], 'here', { agreeing })).toEqual(change)
    expect(await ownerOf(courseId)).toBe('lms')
  })
})

test('a course run that is owned so already is not changed, nor one that is not there', async () => {
  const { courseId } = await newPair()
  const nothing = { is: 'changed', courseIds: [], differing: [] }
  expect(await changeOwner(db, [courseId, 'course-v1:No+Such+Run'], 'here')).toEqual(nothing)
  expect(await changeOwner(db, ['course-v1:No+Such+Run'], 'lms')).toEqual(nothing)
})

test('under load each call is kept before a change or refused after it, and nothing lands behind it', async () => {
  const [courseId, limited] = [await addCourse(db), await addCourse(db, { max_enrollments: 10_000 })]
  const learners = await addLearners(db, 40)
  const kept = new Map<string, number>()
  const refused = { count: 0 }
  let isOver = false
  const callers = learners.map(async ({ username }, index) => {
    const over = index % 2 === 0 ? db : operator
    for (let round = index; !isOver; round += 1) {
      const pair = { username, courseId: round % 3 === 0 ? limited : courseId }
      const call = { ...pair, isActive: round % 2 === 0, whenEnrolled: 'update' } as const
      const code = await codeOf(index % 5 === 0 ? inTransaction(over, call) : wayIn(over).enroll(call))
      if (code === 'ownedByLms') {
        refused.count += 1
        await sleep(1)
      } else if (code !== 'unchanged') kept.set(JSON.stringify(pair), (kept.get(JSON.stringify(pair)) ?? 0) + 1)
      expect(['created', 'reactivated', 'deactivated', 'unchanged', 'ownedByLms']).toContain(code)
    }
  })
  const changes = () => [...kept.values()].reduce((sum, count) => sum + count, 0)
  /** Until more calls have ended so, however fast the machine is. */
  const untilMore = async (ended: () => number) => {
    const before = ended()
    await eventually(() => expect(ended()).toBeGreaterThanOrEqual(before + 10))
  }
  for (let flip = 0; flip < 8; flip += 1) {
    await untilMore(changes)
    expect(await changeOwner(operator, [courseId, limited], 'lms')).toMatchObject({ is: 'changed' })
    const before = await eventCount()
    await untilMore(() => refused.count)
    expect(await eventCount()).toBe(before)
    expect(await changeOwner(operator, 'all', 'here')).toMatchObject({ is: 'changed' })
  }
  isOver = true
  await Promise.all(callers)
  const { rows } = await sql<{ pair: string; version: number; events: number; last: boolean }>`
    select json_build_object('username', l.username, 'courseId', c.course_key)::text as pair, e.version,
      count(v.id)::integer as events,
      bool_and(v.version < e.version or (v.after_mode = e.mode and v.after_is_active = e.is_active)) as last
    from enrollments e join learners l on l.id = e.learner_id join courses c on c.id = e.course_id
      join enrollment_events v on v.enrollment_id = e.id
    where c.course_key = any (${[courseId, limited]}::text[]) group by l.username, c.course_key, e.id`.execute(db)
  expect(rows.every(({ version, events, last }) => version === events && last)).toBe(true)
  const stored = Object.fromEntries(rows.map(({ pair, events }) => [JSON.stringify(JSON.parse(pair)), events]))
  expect(stored).toEqual(Object.fromEntries(kept))
})

/** Patient unless told otherwise: how long it has to wait for others says more about the machine. */
function changeOwner(on: typeof db, keys: readonly string[] | 'all', to: Owner, options: ChangeOptions = {}) {
  return changeOwnerOf(on, keys, to, { patienceMs: 60_000, ...options })
}

function changedTo(...courseIds: string[]) {
  return { is: 'changed', courseIds, differing: [] }
}

function wayIn(over: typeof db) {
  return createCaller({ db: over, actor }).enrollment
}

function inTransaction(over: typeof db, call: Parameters<typeof enrollment.enroll>[0]) {
  return over.transaction().execute(async (trx) => {
    const outcome = await createCaller({ db: trx, actor }).enrollment.enroll(call)
    await sleep(5)
    return outcome
  })
}

async function eventCount(): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::integer as count from enrollment_events`.execute(db)
  return rows[0]?.count ?? 0
}

async function newPair(columns: Parameters<typeof addCourse>[1] = {}) {
  const { username } = await addLearner(db)
  return { username, courseId: await addCourse(db, columns) }
}

async function idOf(courseId: string): Promise<number> {
  return (await rowOf(courseId)).id
}

async function ownerOf(courseId: string): Promise<string> {
  return (await rowOf(courseId)).owner
}

function rowOf(courseId: string) {
  return db.selectFrom('courses').select(['id', 'owner']).where('course_key', '=', courseId).executeTakeFirstOrThrow()
}

function lockedByLms(courseId: string): Promise<number> {
  return operator.transaction().execute(async (trx) => (await lockRunsOwnedByLms(trx, [await idOf(courseId)])).size)
}

async function codeOf(call: Promise<{ kind: string }>): Promise<string> {
  try {
    return (await call).kind
  } catch (error) {
    return enrollmentErrorFrom(error)?.code ?? String(error)
  }
}
